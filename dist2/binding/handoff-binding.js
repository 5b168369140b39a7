import { native } from './native.js';
/** What the acceptor does with a listening socket. */
export const service = {
    /** Nothing: a worker accepts from it, or its connections wait in the kernel. */
    held: 0,
    /** Nothing, until its queue in the kernel is more than half full; then as `served`. */
    watched: 1,
    /** Accepts its connections and hands them on. */
    served: 2,
};
/** The most connections that an inbox delivers in one call. */
export const takenAtOnce = 16;
/** Null where there is no addon. Throws ERR_LIMPET_NATIVE when there is one that does not load. */
export function handoffBinding() {
    return native()?.handoff ?? null;
}
