/**
 * Sessions that every worker can read: in Express and in uWebSockets.js alike, on this machine or in Redis
 * ([how to use them](../sessions.md), and what is promised).
 */

export type { SessionCookie } from './core/express-session.js';
export type { OnConflict, OnStoreDown } from './core/rows.js';
export type { CookieFields, Serializer, SessionFields } from './core/serializer.js';
export { SessionStore, type StoreEvents, type StoreOptions } from './core/store.js';
export type { SessionWatch, SessionWatchEvents } from './core/watch.js';
export { type CookieOptions, SessionManager, type SessionManagerOptions } from './http/manager.js';
export type { Session } from './http/session.js';
export { type Sessions, type SessionsOptions, sessions } from './http/sessions.js';
export type { UwsRequest, UwsResponse } from './http/uws.js';
export { LocalStore, type LocalStoreOptions } from './local/local-store.js';
export { serveSessionMemory } from './local/primary-memory.js';
export type { RedisClient } from './redis/ioredis.js';
export { RedisStore, type RedisStoreOptions } from './redis/redis-store.js';
