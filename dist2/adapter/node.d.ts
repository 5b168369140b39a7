import { Server } from 'node:net';
import type { BoundAddress, RawHandle } from '../connection.js';
import { LimpetError } from '../errors.js';
import type { Adapter } from './contract.js';
/**
 * Feeds a Node server (net, tls, http, https, http2, and whatever is built on them) with connections that were accepted
 * elsewhere, so that the server cannot tell: all goes through a listening handle, {@link FedHandle}, that is ours. A bare
 * `emit('connection')` would leave headersTimeout, requestTimeout, getConnections, maxConnections, close and noDelay dead.
 */
export declare class NodeAdapter implements Adapter {
    #private;
    readonly server: Server;
    /** Connections fed and not yet closed. */
    open: number;
    /** Called for each connection that was fed, or could not be, when it is closed. */
    onClosed: (() => void) | undefined;
    /**
     * Make it in the app's own call of listen(): the server's events run in the asynchronous context of that call.
     * `closedByApp` is called, once, when the app, not limpet, closes the server, be it before it listens.
     */
    constructor(server: Server, closedByApp: () => void);
    /** Makes the server listen, as far as it can tell, at `bound`; it emits 'listening' in the next tick. */
    listen(bound: BoundAddress, backlog: number): void;
    failed(error: LimpetError): void;
    handle(handle: RawHandle): void;
    descriptor(fd: number): void;
    /** Takes nothing new, answers what is open with `Connection: close`, and calls `done` when the last connection is closed. */
    drain(done: () => void): void;
    /** Ends what is still open: WebSockets with 1012 (service restart, RFC 6455 section 7.4.2), the rest by closing. */
    closeAll(): void;
}
/**
 * The Node server in what the app gave to listen(): a server, a request handler (an Express app is one), or an object with a
 * `server` (Fastify). Throws ERR_LIMPET_ADAPTER when it is none of these, listens already, or cannot be fed in this Node.js.
 */
export declare function nodeServerOf(given: unknown, createServer: (handler: never) => Server): Server;
