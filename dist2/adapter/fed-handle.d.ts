import { AsyncResource } from 'node:async_hooks';
import { Server } from 'node:net';
import type { BoundAddress, RawHandle } from '../connection.js';
type Name = {
    address?: string;
    family?: string;
    port?: number;
};
/**
 * A listening handle without a socket: net takes it for one of its own, and serves what it is fed as if it had accepted it.
 * It is in the shape of the handle of a worker under Node's round robin (lib/internal/cluster/child.js), and, as the handle of
 * a real listen does, it carries the asynchronous context of the call that made it.
 */
export declare class FedHandle extends AsyncResource {
    #private;
    /** Set by net when it starts to listen. */
    onconnection: ((this: FedHandle, status: number, handle?: RawHandle) => void) | undefined;
    /** As on a real handle, there is none for a unix-domain socket. */
    getsockname?: (out: Name) => number;
    /** Whether the server was closed; it emits 'close' when its last connection is. */
    closed: boolean;
    /** `onClose` is called once, from within server.close(). */
    constructor(server: Server, onClose: () => void);
    /** Makes the server listen; 'listening' follows in the next tick. */
    listenAt(bound: BoundAddress, backlog: number): void;
    /** The server's 'connection' listeners run before it returns, and what they throw is thrown. */
    feed(handle: RawHandle): void;
    listen(): number;
    close(callback?: () => void): void;
    /** A worker lives as long as its channel to the primary: a listening server neither keeps it nor lets it go. */
    ref(): void;
    unref(): void;
    getAsyncId(): number;
}
/** Which of the internals that feeding needs this Node.js has not; false when all are there. Looked for once in a process. */
export declare function missingInternals(): string | false;
export {};
