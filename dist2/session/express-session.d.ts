/** The only file that sees express-session. Its types stay inside: users of limpet need not install them. */
import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CookieFields } from './serializer.js';
/** What express-session's own Store class brings: the part of the contract that every store shares. */
export interface BaseStore extends EventEmitter {
    regenerate(request: unknown, callback: (error?: unknown) => unknown): void;
    load(sid: string, callback: (error: unknown, session?: never) => unknown): void;
    createSession(request: never, session: never): never;
}
export declare const BaseStore: new () => BaseStore;
/** express-session's cookie, so that the cookies and rows of both faces are the same to the letter. */
export interface SessionCookie extends CookieFields {
    /** Milliseconds left, or null for a cookie that ends with the browser. Setting it sets `expires`. */
    maxAge: number | null;
    originalMaxAge: number | null;
    expires: Date | null;
    secure: boolean | 'auto';
    httpOnly: boolean;
    path: string;
    domain?: string;
    sameSite?: boolean | 'lax' | 'strict' | 'none';
    serialize(name: string, value: string): string;
}
export declare const SessionCookie: new (attributes?: object) => SessionCookie;
/** Whether the application itself is calling: it has not ended the response of the session's request. */
export declare function isOpen(session: object): boolean;
/** To be called when express-session has put its own `end` on the response: it saves from there. */
export declare function markOpen(request: IncomingMessage, response: ServerResponse): void;
export type Middleware = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void;
export declare function expressMiddleware(options: object): Middleware;
