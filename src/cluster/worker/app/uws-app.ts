import { recognize } from '../../../adapter/recognize.js';
import type { UwsApp } from '../../../adapter/uws/uws-adapter.js';
import type { BoundAddress, ListenAddress } from '../../../connection.js';
import type { AppAddress } from './app-address.js';

type Listening = (token: unknown) => void;
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

/** What an app is given for its listening socket, which is the primary's. */
class Token {
  constructor(
    readonly app: UwsApp,
    readonly bound: BoundAddress,
  ) {}
}

/**
 * From now on a uWebSockets.js app that listens where the app's clients come is served by limpet. uWS never meets Node's net:
 * it is met where it is loaded, whoever asks for it.
 */
export function serveUwsApps(address: AppAddress): void {
  const { dlopen } = process;
  process.dlopen = (module: object, ...rest: unknown[]) => {
    (dlopen as (...args: unknown[]) => void).call(process, module, ...rest);
    const { exports } = module as { exports: Partial<Uws> };
    if (typeof exports?.App === 'function' && typeof exports.us_listen_socket_close === 'function') {
      meet(exports as Uws, address);
    }
  };
}

function meet(uws: Uws, address: AppAddress): void {
  for (const kind of ['App', 'SSLApp'] as const) {
    const make = uws[kind];
    // Some call it with `new`.
    uws[kind] = (...options: unknown[]) => listenByLimpet(make(...options), address);
  }
  const { us_listen_socket_close: close, us_socket_local_port: portOf } = uws;
  uws.us_listen_socket_close = (token) => (token instanceof Token ? token.app.close() : close(token));
  uws.us_socket_local_port = (token) => {
    if (!(token instanceof Token)) return portOf(token);
    return 'port' in token.bound ? token.bound.port : -1;
  };
}

function listenByLimpet(app: ListeningApp, address: AppAddress): ListeningApp {
  const { listen, listen_unix: listenUnix } = app;
  const take = (asked: ListenAddress, args: unknown[], asBefore: Listen) => {
    const claimed = address.claim(asked);
    if (!claimed) return asBefore.apply(app, args);
    const called = args.find((arg): arg is Listening => typeof arg === 'function');
    address.serve(recognize(app), claimed, {
      bound: (bound) => called?.(new Token(app, bound)),
      failed: () => called?.(false),
    });
    return app;
  };
  app.listen = (...args) => {
    const host = typeof args[0] === 'string' ? args[0] : undefined;
    const port = Number(host === undefined ? args[0] : args[1]);
    return take({ port, host, ipv6Only: false, backlog: 4096 }, args, listen);
  };
  app.listen_unix = (...args) => {
    const path = String(args.find((arg) => typeof arg === 'string'));
    return take({ path, backlog: 4096 }, args, listenUnix);
  };
  return app;
}
