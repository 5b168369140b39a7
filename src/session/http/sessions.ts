import type { IncomingMessage, ServerResponse } from 'node:http';
import { LimpetError } from '../../errors.js';
import { expressMiddleware, type Middleware, markOpen } from '../core/express-session.js';
import { SessionStore } from '../core/store.js';
import type { SessionWatch } from '../core/watch.js';
import { LocalStore } from '../local/local-store.js';
import { type CookieOptions, cookieDefaults, secretsOf } from './cookie.js';
import { SessionManager } from './manager.js';
import type { Session } from './session.js';
import { loadUws, type UwsRequest, type UwsResponse } from './uws.js';

/** Options of sessions(). All other options go to express-session unchanged. */
export interface SessionsOptions {
  /** Signs the sid in the cookie. In a list, the first secret signs and all verify: to rotate, put the new one first. */
  secret: string | string[];
  /** The store that keeps the sessions. Default: new LocalStore(), shared by all workers on this machine. */
  store?: SessionStore;
  /** Name of the cookie. Default 'connect.sid'. */
  name?: string;
  /**
   * Each attribute replaces one of the defaults { path: '/', httpOnly: true, sameSite: 'lax', secure: 'auto' }. A function of the
   * request works in Express only.
   */
  cookie?: CookieOptions | ((request: never) => CookieOptions);
  /** Returns a new sid of at least 128 random bits. Default: 192 bits from the system's generator. */
  genid?: (request?: never) => string;
  /** Whether every response sets the cookie again. Default false. */
  rolling?: boolean;
  /**
   * Whether to trust X-Forwarded-Proto, for secure cookies. Default: the setting 'trust proxy' of Express; false in uWebSockets.js.
   */
  proxy?: boolean;
  /** Whether a session that has not changed is stored too. Default false. */
  resave?: boolean;
  /** Whether a new session without data is stored, and its cookie set. Default false. */
  saveUninitialized?: boolean;
  /** When the app deletes `request.session`: 'destroy' removes its row, 'keep' (default) leaves it as it is. */
  unset?: 'destroy' | 'keep';
}

/** Middleware for Express (`app.use(…)`) and Socket.IO (`io.engine.use(…)`), and the same sessions for uWebSockets.js. */
export interface Sessions extends Middleware {
  readonly store: SessionStore;
  readonly manager: SessionManager;
  /**
   * Resolves with the session of a uWebSockets.js request, in a handler or in `upgrade`. Call it before the first await. `secure`:
   * whether the app is an SSLApp; default false. Rejects with ERR_LIMPET_STORE when the store cannot know whether there is a session.
   */
  load(response: UwsResponse, request: UwsRequest, connection?: { secure?: boolean }): Promise<Session>;
  /** The same as `store.watch(sid)`. */
  watch(sid: string): SessionWatch;
  /** Closes the store. */
  close(): Promise<void>;
}

/**
 * Makes the middleware for sessions that every worker can read, in Express, Socket.IO, ws and uWebSockets.js. Throws
 * ERR_LIMPET_OPTION.
 */
export function sessions(options: SessionsOptions): Sessions {
  const secret = [...secretsOf(options?.secret)];
  const { store = new LocalStore(), cookie, genid, proxy = false, ...rest } = options;
  if (!(store instanceof SessionStore)) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      'sessions() option store: expected a RedisStore or a LocalStore of limpet/session. For any other store, use express-session itself.',
      { option: 'store' },
    );
  }
  const { name, rolling } = rest;
  const manager = new SessionManager({
    store,
    secret,
    ...(name === undefined ? {} : { name }),
    ...(rolling === undefined ? {} : { rolling }),
    ...(genid ? { genid } : {}),
    ...(typeof cookie === 'object' ? { cookie } : {}),
  });
  const express = expressMiddleware({
    resave: false,
    saveUninitialized: false,
    ...rest,
    ...(genid ? { genid } : {}),
    ...(options.proxy === undefined ? {} : { proxy }),
    store,
    secret,
    cookie:
      typeof cookie === 'function'
        ? (request: never) => ({ ...cookieDefaults, ...cookie(request) })
        : { ...cookieDefaults, ...cookie },
  });
  const middleware = (
    request: IncomingMessage,
    response: ServerResponse,
    next: (error?: unknown) => void,
  ): void => {
    express(request, response, (error) => {
      if (!error) markOpen(request, response);
      next(error);
    });
  };
  return Object.assign(middleware, {
    store,
    manager,
    load: (response: UwsResponse, request: UwsRequest, { secure = false } = {}) =>
      loadUws(manager, response, request, { secure, proxy }),
    watch: (sid: string) => store.watch(sid),
    close: () => store.close(),
  });
}
