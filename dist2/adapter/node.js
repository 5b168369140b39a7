import { closeSync } from 'node:fs';
import { ServerResponse } from 'node:http';
import { Server, Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { publish } from '../diagnostics.js';
import { LimpetError } from '../errors.js';
import { FedHandle, missingInternals } from './fed-handle.js';
/** TCPConstants.SOCKET and PipeConstants.SOCKET in Node's tcp_wrap and pipe_wrap. */
const socketType = 0;
/**
 * Feeds a Node server (net, tls, http, https, http2, and whatever is built on them) with connections that were accepted
 * elsewhere, so that the server cannot tell: all goes through a listening handle, {@link FedHandle}, that is ours. A bare
 * `emit('connection')` would leave headersTimeout, requestTimeout, getConnections, maxConnections, close and noDelay dead.
 */
export class NodeAdapter {
    server;
    /** Connections fed and not yet closed. */
    open = 0;
    /** Called for each connection that was fed, or could not be, when it is closed. */
    onClosed;
    #fed;
    #webSockets = new Set();
    #http2Sessions = new Set();
    #closedByApp;
    #HandleClass;
    #draining = false;
    /**
     * Make it in the app's own call of listen(): the server's events run in the asynchronous context of that call.
     * `closedByApp` is called, once, when the app, not limpet, closes the server, be it before it listens.
     */
    constructor(server, closedByApp) {
        this.server = server;
        this.#closedByApp = closedByApp;
        server.once('close', closedByApp);
        this.#fed = new FedHandle(server, () => {
            if (!this.#draining)
                closedByApp();
        });
    }
    /** Makes the server listen, as far as it can tell, at `bound`; it emits 'listening' in the next tick. */
    listen(bound, backlog) {
        this.server.off('close', this.#closedByApp);
        this.#fed.listenAt(bound, backlog);
        this.#watchUpgrades();
        this.#watchHttp2Sessions();
    }
    failed(error) {
        process.nextTick(() => this.server.emit('error', error));
    }
    handle(handle) {
        if (!this.server.listening) {
            handle.close();
            this.onClosed?.();
            return;
        }
        this.open += 1;
        try {
            this.#fed.feed(handle);
        }
        catch (error) {
            // What the app's own 'connection' listener throws is the app's, as on a plain listen: uncaught, outside of our loop.
            process.nextTick(() => {
                throw error;
            });
        }
    }
    descriptor(fd) {
        try {
            this.handle(this.#handleOf(fd));
        }
        catch (error) {
            publish('limpet:fault', () => ({ where: 'open descriptor', error }));
            closeIfOpen(fd);
            this.onClosed?.();
        }
    }
    /** Takes nothing new, answers what is open with `Connection: close`, and calls `done` when the last connection is closed. */
    drain(done) {
        this.#draining = true;
        const { server } = this;
        if (!server.listening) {
            done();
            return;
        }
        const { closeIdleConnections } = server;
        answerWithClose();
        for (const session of this.#http2Sessions)
            session.close();
        // An answer that had begun before leaves its connection idle and kept alive: look again until all are gone.
        const again = setInterval(() => closeIdleConnections?.call(server), 50);
        server.once('close', () => {
            clearInterval(again);
            done();
        });
        // Where the app has called close(), we are inside of that call.
        if (!this.#fed.closed)
            server.close();
        closeIdleConnections?.call(server);
    }
    /** Ends what is still open: WebSockets with 1012 (service restart, RFC 6455 section 7.4.2), the rest by closing. */
    closeAll() {
        for (const socket of this.#webSockets)
            socket.end(Buffer.from([0x88, 0x02, 0x03, 0xf4]));
        for (const session of this.#http2Sessions)
            session.destroy();
        this.server.closeAllConnections?.();
    }
    /** net keeps the class of its handles to itself: it is read off the first descriptor's own handle. */
    #handleOf(fd) {
        if (this.#HandleClass) {
            const handle = new this.#HandleClass(socketType);
            const error = handle.open(fd);
            if (error !== 0)
                throw new Error(`open(${fd}) failed: ${getSystemErrorName(error)}`);
            return handle;
        }
        const probe = new Socket({ fd, readable: false, writable: false });
        const handle = probe._handle;
        probe._handle = null;
        const Base=handle.constructor; const me=this;
 this.#HandleClass = class TCP extends Base { close(cb){ me.open-=1; super.close(cb); me.onClosed?.(); } };
        return handle;
    }
    /** An 'upgrade' listener alone changes what http does: ours is there while one of the app's is, and no longer. */
    #watchUpgrades() {
        const { server } = this;
        const track = (request, socket) => {
            if (request.headers.upgrade?.toLowerCase() !== 'websocket')
                return;
            this.#webSockets.add(socket);
            socket.once('close', () => this.#webSockets.delete(socket));
        };
        const come = (event, listener) => {
            if (event !== 'upgrade' || listener === track || server.listenerCount('upgrade') > 0)
                return;
            server.on('upgrade', track);
        };
        const go = (event) => {
            if (event === 'upgrade' && server.listenerCount('upgrade') === 1)
                server.off('upgrade', track);
        };
        if (server.listenerCount('upgrade') > 0)
            server.on('upgrade', track);
        server.on('newListener', come);
        server.on('removeListener', go);
    }
    #watchHttp2Sessions() {
        if (!('updateSettings' in this.server))
            return;
        this.server.on('session', (session) => {
            this.#http2Sessions.add(session);
            session.once('close', () => this.#http2Sessions.delete(session));
        });
    }
}
let answersClose = false;
/**
 * From now on every answer of this process says `Connection: close`, that of a request which is under way too: no listener reaches
 * those, and a client that was told to keep the connection would send its next request into the closing of it.
 */
function answerWithClose() {
    if (answersClose)
        return;
    answersClose = true;
    const answers = ServerResponse.prototype;
    const storeHeader = answers._storeHeader;
    answers._storeHeader = function (...head) {
        this.shouldKeepAlive = false;
        storeHeader.apply(this, head);
    };
}
function closeIfOpen(fd) {
    try {
        closeSync(fd);
    }
    catch {
        // It was no descriptor: there is nothing to close.
    }
}
/**
 * The Node server in what the app gave to listen(): a server, a request handler (an Express app is one), or an object with a
 * `server` (Fastify). Throws ERR_LIMPET_ADAPTER when it is none of these, listens already, or cannot be fed in this Node.js.
 */
export function nodeServerOf(given, createServer) {
    if (typeof given === 'function')
        return nodeServerOf(createServer(given), createServer);
    const server = given instanceof Server ? given : given?.server;
    if (!(server instanceof Server)) {
        throw new LimpetError('ERR_LIMPET_ADAPTER', `listen() got ${given === null ? 'null' : typeof given} as its server, expected a net, http, https or http2 server, ` +
            'a request handler such as an Express app, an object with such a server in .server (Fastify), or an App of uWebSockets.js.');
    }
    if (server.listening) {
        throw new LimpetError('ERR_LIMPET_ADAPTER', 'the server listens already; limpet makes it listen. Remove its own listen() call and keep limpet.listen().');
    }
    const missing = missingInternals();
    if (missing) {
        throw new LimpetError('ERR_LIMPET_ADAPTER', `Node.js ${process.version} has changed inside: it lacks ${missing}, by which limpet feeds a server. ` +
            'Take a newer limpet, or a Node.js that this one knows (20, 22 or 24).', { missing, node: process.version });
    }
    return server;
}
