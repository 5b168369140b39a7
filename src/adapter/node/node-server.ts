import { Server } from 'node:net';
import { LimpetError } from '../../errors.js';
import { missingInternals } from './listening-handle.js';

/**
 * The Node server in what the app gave to listen(): a server, a request handler (an Express app is one), or an object with a
 * `server` (Fastify). Throws ERR_LIMPET_ADAPTER when it is none of these, listens already, or cannot be fed in this Node.js.
 */
export function nodeServerOf(given: unknown, createServer: (handler: never) => Server): Server {
  if (typeof given === 'function') return nodeServerOf(createServer(given as never), createServer);
  const server = given instanceof Server ? given : (given as { server?: unknown } | null | undefined)?.server;
  if (!(server instanceof Server)) {
    throw new LimpetError(
      'ERR_LIMPET_ADAPTER',
      `listen() got ${given === null ? 'null' : typeof given} as its server, expected a net, http, https or http2 server, ` +
        'a request handler such as an Express app, an object with such a server in .server (Fastify), or an App of uWebSockets.js.',
    );
  }
  if (server.listening) {
    throw new LimpetError(
      'ERR_LIMPET_ADAPTER',
      'the server listens already; limpet makes it listen. Remove its own listen() call and keep limpet.listen().',
    );
  }
  const missing = missingInternals();
  if (missing) {
    throw new LimpetError(
      'ERR_LIMPET_ADAPTER',
      `Node.js ${process.version} has changed inside: it lacks ${missing}, by which limpet feeds a server. ` +
        'Take a newer limpet, or a Node.js that this one knows (20, 22 or 24).',
      { missing, node: process.version },
    );
  }
  return server;
}
