import { recognize } from '../../../adapter/recognize.js';
import type { UwsApp } from '../../../adapter/uws/uws-adapter.js';
import type { BoundAddress, ListenAddress } from '../../../connection.js';
import type { AppAddress } from './app-address.js';

type ListenCallback = (token: unknown) => void;
type Listen = (...args: unknown[]) => unknown;
type ListeningApp = UwsApp & { listen: Listen; listen_unix: Listen };
type MakeApp = (...args: unknown[]) => ListeningApp;

/** The exports of uWebSockets.js. */
interface Uws {
  App: MakeApp;
  SSLApp: MakeApp;
  us_listen_socket_close(token: unknown): unknown;
  us_socket_local_port(token: unknown): number;
}

/** An app gets it instead of its listening socket, which is in the primary. */
class ListenToken {
  constructor(
    readonly app: UwsApp,
    readonly bound: BoundAddress,
  ) {}
}

/**
 * From now on limpet serves each uWebSockets.js app that listens at the app's address. uWebSockets.js does not use Node's net. It is an
 * addon, so it is recognized in process.dlopen() and patched there.
 */
export function serveUwsApps(address: AppAddress): void {
  const { dlopen } = process;
  process.dlopen = (module: object, ...rest: unknown[]) => {
    (dlopen as (...args: unknown[]) => void).call(process, module, ...rest);
    const { exports } = module as { exports: Partial<Uws> };
    if (typeof exports?.App === 'function' && typeof exports.us_listen_socket_close === 'function') {
      patch(exports as Uws, address);
    }
  };
}

function patch(uws: Uws, address: AppAddress): void {
  for (const kind of ['App', 'SSLApp'] as const) {
    const make = uws[kind];
    uws[kind] = (...options: unknown[]) => listenByLimpet(make(...options), address);
  }
  const { us_listen_socket_close: close, us_socket_local_port: portOf } = uws;
  uws.us_listen_socket_close = (token) => (token instanceof ListenToken ? token.app.close() : close(token));
  uws.us_socket_local_port = (token) => {
    if (!(token instanceof ListenToken)) return portOf(token);
    return 'port' in token.bound ? token.bound.port : -1;
  };
}

/** Replaces the app's listen(). */
function listenByLimpet(app: ListeningApp, address: AppAddress): ListeningApp {
  const { listen, listen_unix: listenUnix } = app;
  const serve = (asked: ListenAddress, args: unknown[], uwsListen: Listen) => {
    const resolved = address.resolve(asked);
    if (!resolved) return uwsListen.apply(app, args);
    const callback = args.find((arg): arg is ListenCallback => typeof arg === 'function');
    address.serve(recognize(app), resolved, {
      bound: (bound) => callback?.(new ListenToken(app, bound)),
      failed: () => callback?.(false),
    });
    return app;
  };
  app.listen = (...args) => {
    const host = typeof args[0] === 'string' ? args[0] : undefined;
    const port = Number(host === undefined ? args[0] : args[1]);
    return serve({ port, host, ipv6Only: false, backlog: 4096 }, args, listen);
  };
  app.listen_unix = (...args) => {
    const path = String(args.find((arg) => typeof arg === 'string'));
    return serve({ path, backlog: 4096 }, args, listenUnix);
  };
  return app;
}
