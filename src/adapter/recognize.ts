import { createServer } from 'node:http';
import { Server } from 'node:net';
import { LimpetError } from '../errors.js';
import type { AppServer } from './contract.js';
import { missingInternals } from './node/listening-handle.js';
import { NodeAdapter } from './node/node-adapter.js';
import { nodePrimaryStub } from './node/primary-stub.js';
import { isUwsApp, type UwsApp, uwsAppServer } from './uws/uws-adapter.js';

/**
 * The servers that listen() accepts: a net, http, https or http2 server, a request handler such as an Express app, an object with
 * such a server in `server` (Fastify), or an App or SSLApp of uWebSockets.js.
 */
export type Listenable = Server | ((...args: never[]) => unknown) | { readonly server: Server } | UwsApp;

/** Finds the server in the value given to listen(). Throws ERR_LIMPET_ADAPTER if limpet cannot deliver connections to it. */
export function recognize(given: unknown): AppServer {
  if (isUwsApp(given)) return uwsAppServer(given);
  const server = nodeServerOf(given);
  return {
    kind: 'node',
    tls: 'setSecureContext' in server,
    adapter: (closedByApp) => new NodeAdapter(server, closedByApp),
    primaryStub: (close) => nodePrimaryStub(server, close),
  };
}

function nodeServerOf(given: unknown): Server {
  if (typeof given === 'function') return nodeServerOf(createServer(given as never));
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
      'listen() got a server that listens already, expected one that does not: limpet makes it listen. ' +
        "Remove the app's own call of server.listen() and keep limpet.listen().",
    );
  }
  const missing = missingInternals();
  if (missing) {
    throw new LimpetError(
      'ERR_LIMPET_ADAPTER',
      `limpet cannot deliver connections to a server in Node.js ${process.version}: it needs ${missing}, which this version lacks. ` +
        'Install a newer limpet, or run Node.js 20, 22 or 24.',
      { missing, node: process.version },
    );
  }
  return server;
}
