/** `limpet/edge` writes the configuration of the proxies in front of many machines. Its functions are pure: they read no file and run no program. */

export { haproxy } from './haproxy.js';
export { nginx } from './nginx.js';
export type { EdgeNode, EdgeSettings, EdgeTls } from './settings.js';
