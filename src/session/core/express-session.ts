/** The only file that sees express-session. Its types stay inside: users of limpet need not install them. */
import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import expressSession from 'express-session';
import type { CookieFields } from './serializer.js';

/** What express-session's own Store class brings: the part of the contract that every store shares. */
export interface BaseStore extends EventEmitter {
  regenerate(request: unknown, callback: (error?: unknown) => unknown): void;
  load(sid: string, callback: (error: unknown, session?: never) => unknown): void;
  createSession(request: never, session: never): never;
}

export const BaseStore: new () => BaseStore = expressSession.Store as unknown as new () => BaseStore;

/** express-session's cookie, so that the cookies and rows of both faces are the same to the letter. */
export interface SessionCookie extends CookieFields {
  /** Milliseconds left, or null for a cookie that ends with the browser. Setting it sets `expires`. */
  maxAge: number | null;
  /** The life that it was given, in milliseconds: what a touch sets `maxAge` to again. */
  originalMaxAge: number | null;
  /** When it ends; null for a cookie that ends with the browser. */
  expires: Date | null;
  /** Whether it is sent over TLS alone. */
  secure: boolean | 'auto';
  /** Whether it is kept from the page's scripts. */
  httpOnly: boolean;
  /** The part of the site that it is sent to. */
  path: string;
  /** The hosts that it is sent to; without it the one that set it. */
  domain?: string;
  /** Whether it comes with requests from other sites; true is `strict`. */
  sameSite?: boolean | 'lax' | 'strict' | 'none';
  /** The value of a Set-Cookie header. */
  serialize(name: string, value: string): string;
}

export const SessionCookie: new (attributes?: object) => SessionCookie =
  expressSession.Cookie as unknown as new (
    attributes?: object,
  ) => SessionCookie;

/** Requests that came through sessions() and whose response the application has not ended yet. */
const open = new WeakSet<object>();

/** Whether the application itself is calling: it has not ended the response of the session's request. */
export function isOpen(session: object): boolean {
  const { req } = session as { req?: object };
  return req !== undefined && open.has(req);
}

/** To be called when express-session has put its own `end` on the response: it saves from there. */
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
