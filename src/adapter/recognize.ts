import { createServer } from 'node:http';
import type { Server } from 'node:net';
import type { AppServer } from './contract.js';
import { NodeAdapter } from './node/node-adapter.js';
import { nodeServerOf } from './node/node-server.js';
import { nodePrimaryStub } from './node/primary-stub.js';
import { isUwsApp, type UwsApp, uwsAppServer } from './uws/uws-adapter.js';

/**
 * A net, http, https or http2 server, a request handler such as an Express app, an object that has a server, or an App or
 * SSLApp of uWebSockets.js.
 */
export type Listenable = Server | ((...args: never[]) => unknown) | { readonly server: Server } | UwsApp;

/** Finds out what the app gave to listen(). Throws ERR_LIMPET_ADAPTER. */
export function recognize(given: unknown): AppServer {
  if (isUwsApp(given)) return uwsAppServer(given);
  const server = nodeServerOf(given, (handler) => createServer(handler));
  return {
    kind: 'node',
    tls: 'setSecureContext' in server,
    adapter: (closedByApp) => new NodeAdapter(server, closedByApp),
    primaryStub: (close) => nodePrimaryStub(server, close),
  };
}
