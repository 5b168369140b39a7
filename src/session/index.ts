/**
 * Sessions that every worker can read, in Express, uWebSockets.js and any other server. They are kept on this machine or in Redis.
 * [Sessions](../sessions.md) shows how to use them, and lists what both stores promise.
 */

export type { SessionCookie } from './core/express-session.js';
export type { OnConflict, OnStoreDown } from './core/rows.js';
export type { CookieFields, Serializer, SessionFields } from './core/serializer.js';
export { SessionStore, type StoreEvents } from './core/store.js';
export type { StoreOptions } from './core/store-options.js';
export type { SessionWatch, SessionWatchEvents } from './core/watch.js';
export type { CookieOptions } from './http/cookie.js';
export { SessionManager, type SessionManagerOptions } from './http/manager.js';
export type { Session } from './http/session.js';
export { type Sessions, type SessionsOptions, sessions } from './http/sessions.js';
export type { UwsRequest, UwsResponse } from './http/uws.js';
export { LocalStore, type LocalStoreOptions } from './local/local-store.js';
export { serveSessionMemory } from './local/primary-memory.js';
export type { RedisClient } from './redis/ioredis.js';
export { RedisStore, type RedisStoreOptions } from './redis/redis-store.js';
