/** `limpet/edge`: configuration of the proxies in front of many machines, as text. Pure functions: nothing is read, nothing is run. */

export { haproxy } from './haproxy.js';
export { nginx } from './nginx.js';
export type { EdgeNode, EdgeSettings, EdgeTls } from './settings.js';
