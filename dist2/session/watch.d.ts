import { EventEmitter } from 'node:events';
import type { Backend } from './backend.js';
export interface SessionWatchEvents {
    /** The session is no more: destroyed anywhere, expired, or evicted. Emitted once; the watch is closed by then. */
    destroyed: [];
    /** Another request stored other data in it: reload it to see them. */
    changed: [];
}
/** One watch of one session, from `store.watch(sid)`. Close it when the socket closes. */
export declare class SessionWatch extends EventEmitter<SessionWatchEvents> {
    #private;
    readonly sid: string;
    constructor(sid: string, close: (watch: SessionWatch) => void);
    /** Idempotent. */
    close(): void;
}
/**
 * All watches of one store. A message from the backend makes it look at the row; a slow round over all watched rows
 * makes sure that nothing stays unseen.
 */
export declare class Watchers {
    #private;
    constructor(backend: Backend);
    get size(): number;
    watch(sid: string): SessionWatch;
    /** The row of `sid`, or any row, may have changed. */
    look(sid: string | undefined): void;
    /** The row of `sid` is known to be gone. */
    gone(sid: string): void;
    close(): void;
}
