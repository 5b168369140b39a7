export { LocalStore } from './local.js';
export { SessionManager } from './manager.js';
export { serveSessionMemory } from './primary-memory.js';
export { RedisStore } from './redis.js';
export { sessions } from './sessions.js';
export { SessionStore } from './store.js';
