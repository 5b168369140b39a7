import type { SessionManager } from './manager.js';
import type { Session } from './session.js';
/** The part of uWebSockets.js's HttpRequest that is read, before the first await. */
export interface UwsRequest {
    getHeader(name: string): string;
}
/** The part of uWebSockets.js's HttpResponse that is used; the object itself is the application's. */
export interface UwsResponse {
    onAborted(handler: () => void): unknown;
    writeStatus(status: never): unknown;
    writeHeader(name: never, value: never): unknown;
    /** Set by load(): the client has gone. From then on what would write to the response does nothing. */
    aborted?: boolean;
}
/**
 * The session of a request to a uWebSockets.js handler, `upgrade` included. It must be called before the handler's
 * first await, since the request is readable only until then. The response carries the session's cookie by itself
 * when one is due, and may be used safely after the client has gone: what would throw then does nothing.
 */
export declare function loadUws(manager: SessionManager, response: UwsResponse, request: UwsRequest, { secure, proxy }: {
    secure: boolean;
    proxy: boolean;
}): Promise<Session>;
