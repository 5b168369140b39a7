import type { Server } from 'node:net';
import type { Served } from './contract.js';
import { type UwsApp } from './uws.js';
/**
 * A net, http, https or http2 server, a request handler such as an Express app, an object that has a server, or an App or
 * SSLApp of uWebSockets.js.
 */
export type Listenable = Server | ((...args: never[]) => unknown) | {
    readonly server: Server;
} | UwsApp;
/** Finds out what the app gave to listen(). Throws ERR_LIMPET_ADAPTER. */
export declare function recognize(given: unknown): Served;
