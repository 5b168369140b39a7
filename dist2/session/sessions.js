import { LimpetError } from '../errors.js';
import { expressMiddleware, markOpen } from './express-session.js';
import { LocalStore } from './local.js';
import { cookieDefaults, SessionManager, secretsOf } from './manager.js';
import { SessionStore } from './store.js';
import { loadUws } from './uws.js';
/** Sessions for a service, whatever serves it. Throws ERR_LIMPET_OPTION. */
export function sessions(options) {
    const secret = [...secretsOf(options?.secret)];
    const { store = new LocalStore(), cookie, genid, proxy = false, ...rest } = options;
    if (!(store instanceof SessionStore)) {
        throw new LimpetError('ERR_LIMPET_OPTION', 'option store: expected a RedisStore or a LocalStore of limpet/session. Give any other store to express-session itself.', { option: 'store' });
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
        cookie: typeof cookie === 'function'
            ? (request) => ({ ...cookieDefaults, ...cookie(request) })
            : { ...cookieDefaults, ...cookie },
    });
    const middleware = (request, response, next) => {
        express(request, response, (error) => {
            if (!error)
                markOpen(request, response);
            next(error);
        });
    };
    return Object.assign(middleware, {
        store,
        manager,
        load: (response, request, { secure = false } = {}) => loadUws(manager, response, request, { secure, proxy }),
        watch: (sid) => store.watch(sid),
        close: () => store.close(),
    });
}
