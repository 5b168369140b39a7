/** The part of the addon that reads request heads, or its TypeScript implementation. Both have the same calls and the same results. */
import { native } from './native.js';
import type { Decision, Endpoint } from './typescript/affinity-chain.js';
import { type CompiledChain, type HeadBinding, typescriptHead } from './typescript/head-calls.js';

/** The exports of native/node_api/head.cc. A reading is a C++ struct in an ArrayBuffer. */
interface NativeHead extends Omit<HeadBinding, 'begin'> {
  begin(address: Uint8Array, port: number): ArrayBuffer;
  decide(
    chain: CompiledChain,
    reading: ArrayBuffer,
    stream: Uint8Array,
    ended: boolean,
    hourNow: number,
  ): Decision;
  proxied(reading: ArrayBuffer): Endpoint | undefined;
}

let binding: HeadBinding | undefined;

/** The addon's reader, or the TypeScript implementation without an addon. Loads the addon at the first call. */
export function headBinding(): HeadBinding {
  binding ??= wrapNative(native()?.head as NativeHead | undefined) ?? typescriptHead;
  return binding;
}

function wrapNative(head: NativeHead | undefined): HeadBinding | undefined {
  if (head === undefined) return undefined;
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
