import { AsyncResource } from 'node:async_hooks';
import { Server } from 'node:net';
/**
 * A listening handle without a socket: net takes it for one of its own, and serves what it is fed as if it had accepted it.
 * It is in the shape of the handle of a worker under Node's round robin (lib/internal/cluster/child.js), and, as the handle of
 * a real listen does, it carries the asynchronous context of the call that made it.
 */
export class FedHandle extends AsyncResource {
    /** Set by net when it starts to listen. */
    onconnection;
    /** As on a real handle, there is none for a unix-domain socket. */
    getsockname;
    /** Whether the server was closed; it emits 'close' when its last connection is. */
    closed = false;
    #server;
    #onClose;
    /** `onClose` is called once, from within server.close(). */
    constructor(server, onClose) {
        super('LIMPETSERVER');
        this.#server = server;
        this.#onClose = onClose;
    }
    /** Makes the server listen; 'listening' follows in the next tick. */
    listenAt(bound, backlog) {
        const server = this.#server;
        server._handle = this;
        const [address, port, type] = 'path' in bound ? [bound.path, -1, -1] : [bound.address, bound.port, bound.family === 'IPv6' ? 6 : 4];
        if ('path' in bound)
            server._pipeName = bound.path;
        else {
            this.getsockname = (out) => {
                Object.assign(out, bound);
                return 0;
            };
        }
        this.runInAsyncScope(() => server._listen2(address, port, type, backlog));
    }
    /** The server's 'connection' listeners run before it returns, and what they throw is thrown. */
    feed(handle) {
        this.runInAsyncScope(this.onconnection, this, 0, handle);
    }
    // What net calls.
    listen() {
        return 0;
    }
    close(callback) {
        if (callback)
            process.nextTick(callback);
        if (this.closed)
            return;
        this.closed = true;
        this.#onClose();
        this.emitDestroy();
    }
    /** A worker lives as long as its channel to the primary: a listening server neither keeps it nor lets it go. */
    ref() { }
    unref() { }
    getAsyncId() {
        return this.asyncId();
    }
}
let missing;
/** Which of the internals that feeding needs this Node.js has not; false when all are there. Looked for once in a process. */
export function missingInternals() {
    missing ??= lookForInternals();
    return missing;
}
/** Plays a server's life on a server of its own. */
function lookForInternals() {
    const server = new Server();
    if (typeof server._listen2 !== 'function')
        return 'server._listen2';
    const fed = new FedHandle(server, () => { });
    const bound = { address: '127.0.0.1', family: 'IPv4', port: 1 };
    let failure;
    server.once('error', (error) => {
        failure = error;
    });
    try {
        fed.listenAt(bound, 1);
        if (!server.listening)
            return 'server._handle';
        if (typeof fed.onconnection !== 'function')
            return 'handle.onconnection';
        if (server.address()?.port !== bound.port)
            return 'handle.getsockname';
        fed.onconnection(-1);
        if (!failure)
            return 'handle.onconnection(status, handle)';
        server.close();
        return fed.closed ? false : 'handle.close';
    }
    catch (error) {
        return `a way in (${error.message})`;
    }
}
