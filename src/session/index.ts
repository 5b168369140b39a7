/**
 * Sessions that every worker can read: in Express and in uWebSockets.js alike, on this machine or in Redis
 * ([how to use them](../sessions.md), and what is promised).
 */
export type { SessionCookie } from './express-session.js';
export { LocalStore, type LocalStoreOptions } from './local.js';
export { type CookieOptions, SessionManager, type SessionManagerOptions } from './manager.js';
export { serveSessionMemory } from './primary-memory.js';
export { RedisStore, type RedisStoreOptions } from './redis.js';
export type { RedisClient } from './redis-client.js';
export type { OnConflict, OnStoreDown } from './rows.js';
export type { CookieFields, Serializer, SessionFields } from './serializer.js';
export type { Session } from './session.js';
export { type Sessions, type SessionsOptions, sessions } from './sessions.js';
export { SessionStore, type StoreEvents, type StoreOptions } from './store.js';
export type { UwsRequest, UwsResponse } from './uws.js';
export type { SessionWatch, SessionWatchEvents } from './watch.js';
