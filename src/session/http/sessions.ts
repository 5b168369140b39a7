import type { IncomingMessage, ServerResponse } from 'node:http';
import { LimpetError } from '../../errors.js';
import { expressMiddleware, type Middleware, markOpen } from '../core/express-session.js';
import { SessionStore } from '../core/store.js';
import type { SessionWatch } from '../core/watch.js';
import { LocalStore } from '../local/local-store.js';
import { type CookieOptions, cookieDefaults, SessionManager, secretsOf } from './manager.js';
import type { Session } from './session.js';
import { loadUws, type UwsRequest, type UwsResponse } from './uws.js';

/** Options of sessions(). Those that are not named here are express-session's, and go to it as they are. */
export interface SessionsOptions {
  /** Signs the sid in the cookie. With a list, the first signs and all are accepted: put a new secret in front. */
  secret: string | string[];
  /** Where sessions are kept. Default: new LocalStore(), shared by all workers on this machine. */
  store?: SessionStore;
  /** Name of the cookie. Default 'connect.sid'. */
  name?: string;
  /** Over the defaults { path: '/', httpOnly: true, sameSite: 'lax', secure: 'auto' }. */
  cookie?: CookieOptions | ((request: never) => CookieOptions);
  /** Makes a sid: at least 128 random bits. */
  genid?: (request?: never) => string;
  /** Send the cookie anew with every response. */
  rolling?: boolean;
  /** Whether X-Forwarded-Proto is believed, for secure cookies. Default: Express's own 'trust proxy'; uWS: false. */
  proxy?: boolean;
  /** Default false: only a changed session is stored. */
  resave?: boolean;
  /** Default false: a session that nothing was put in is not stored, and no cookie is set. */
  saveUninitialized?: boolean;
  /** When the app deletes `request.session`: whether its row goes, or stays as it is. Default 'keep'. */
  unset?: 'destroy' | 'keep';
}

/** Express middleware (`app.use(sessions)`, `io.engine.use(sessions)`) and the same sessions for uWebSockets.js. */
export interface Sessions extends Middleware {
  readonly store: SessionStore;
  readonly manager: SessionManager;
  /**
   * The session of a uWebSockets.js request, in a handler or in `upgrade`. Call it before the first await. `secure`:
   * the app is an SSLApp. Rejects with ERR_LIMPET_STORE when the store can't tell.
   */
  load(response: UwsResponse, request: UwsRequest, connection?: { secure?: boolean }): Promise<Session>;
  /** See SessionStore.watch. */
  watch(sid: string): SessionWatch;
  /** Closes the store. */
  close(): Promise<void>;
}

/** Sessions for a service, whatever serves it. Throws ERR_LIMPET_OPTION. */
export function sessions(options: SessionsOptions): Sessions {
  const secret = [...secretsOf(options?.secret)];
  const { store = new LocalStore(), cookie, genid, proxy = false, ...rest } = options;
  if (!(store instanceof SessionStore)) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      'option store: expected a RedisStore or a LocalStore of limpet/session. Give any other store to express-session itself.',
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
