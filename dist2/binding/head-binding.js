/** The part of the addon that reads heads, or its twin: the same calls, the same answers. */
import { native } from './native.js';
import { twinHead } from './twin/head-calls.js';
let binding;
/** The native reader where there is an addon, else its twin. Loads the addon at the first call. */
export function headBinding() {
    binding ??= wrapNative(native()?.head) ?? twinHead;
    return binding;
}
function wrapNative(head) {
    if (head === undefined)
        return undefined;
    return {
        ...head,
        begin(chain, peer) {
            const reading = head.begin(peer.address, peer.port);
            return {
                decide: (stream, ended, hourNow) => head.decide(chain, reading, stream, ended, hourNow),
                proxied: () => head.proxied(reading),
            };
        },
    };
}
