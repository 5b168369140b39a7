import type { Server } from 'node:net';
import type { Face } from './contract.js';
/** In the primary a Node server tells of the router what it would tell of itself: 'listening', address(), close(), 'error'. */
export declare function nodeFace(server: Server, close: () => Promise<unknown>): Face;
