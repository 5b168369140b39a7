/**
 * The only file that imports express-session. Its types do not appear in limpet's own, so that users need not install
 * `@types/express-session`.
 */
import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import expressSession from 'express-session';
import type { CookieFields } from './serializer.js';

/** The methods of express-session's own Store class, which every store inherits. */
export interface BaseStore extends EventEmitter {
  regenerate(request: unknown, callback: (error?: unknown) => unknown): void;
  load(sid: string, callback: (error: unknown, session?: never) => unknown): void;
  createSession(request: never, session: never): never;
}

export const BaseStore: new () => BaseStore = expressSession.Store as unknown as new () => BaseStore;

/** express-session's own cookie class. Express and uWebSockets.js both use it, so their cookies and rows are equal to the byte. */
export interface SessionCookie extends CookieFields {
  /** Milliseconds left, or null for a cookie that ends with the browser. Setting it sets `expires`. */
  maxAge: number | null;
  /** Life of the session in milliseconds. Each touch sets `maxAge` to it again. */
  originalMaxAge: number | null;
  /** End of the cookie's life; null for a cookie that ends with the browser. */
  expires: Date | null;
  /** Whether the browser sends it over TLS only. */
  secure: boolean | 'auto';
  /** Whether scripts of the page cannot read it. */
  httpOnly: boolean;
  /** The browser sends it with requests below this path only. */
  path: string;
  /** The browser sends it to this domain and its subdomains; if left out, only to the host that set it. */
  domain?: string;
  /** Whether the browser sends it with requests from other sites; true is `strict`. */
  sameSite?: boolean | 'lax' | 'strict' | 'none';
  /** Returns the value of a Set-Cookie header. */
  serialize(name: string, value: string): string;
}

export const SessionCookie: new (attributes?: object) => SessionCookie =
  expressSession.Cookie as unknown as new (
    attributes?: object,
  ) => SessionCookie;

/** Requests that passed sessions() and whose response the application has not ended yet. */
const open = new WeakSet<object>();

/** Whether the response to the session's request has not ended yet. Only then can a call come from the application itself. */
export function isOpen(session: object): boolean {
  const { req } = session as { req?: object };
  return req !== undefined && open.has(req);
}

/**
 * Marks the request as open until `response.end()`. Call it after express-session has replaced `response.end`, because
 * express-session saves the session in there: that save must find the request no longer open.
 */
export function markOpen(request: IncomingMessage, response: ServerResponse): void {
  open.add(request);
  const end = response.end;
  response.end = function (this: ServerResponse, ...rest: never[]): never {
    open.delete(request);
    return end.apply(this, rest as never) as never;
  } as typeof end;
}

export type Middleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

export function expressMiddleware(options: object): Middleware {
  return expressSession(options as expressSession.SessionOptions) as unknown as Middleware;
}
