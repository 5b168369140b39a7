import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AppServer } from '../../../../src/adapter/contract.ts';
import type { AppAddress, ListenResult } from '../../../../src/cluster/worker/app/app-address.ts';
import { serveUwsApps } from '../../../../src/cluster/worker/app/uws-app.ts';
import type { ListenAddress } from '../../../../src/connection.ts';
import { LimpetError } from '../../../../src/errors.ts';

vi.mock('../../../../src/adapter/recognize.ts', () => ({ recognize: (app: unknown) => ({ app }) }));

const { dlopen } = process;
let asked: ListenAddress[];
let served: { server: AppServer; address: ListenAddress; result: ListenResult }[];
let isAppAddress: boolean;
/** The calls that reach uWebSockets.js itself. */
let uwsCalls: unknown[][];

/** A fake of the addon's exports. */
function makeUws() {
  const record =
    (name: string, result?: unknown) =>
    (...args: unknown[]) => {
      uwsCalls.push([name, ...args]);
      return result;
    };
  const makeApp = (kind: string) => (options: unknown) => ({
    kind,
    options,
    listen: record('listen', 'from uWS'),
    listen_unix: record('listen_unix', 'from uWS'),
    close: record('close', 'closed'),
  });
  return {
    App: makeApp('App'),
    SSLApp: makeApp('SSLApp'),
    us_listen_socket_close: record('us_listen_socket_close', 'closed by uWS'),
    us_socket_local_port: record('us_socket_local_port', 4711),
  };
}
type Uws = ReturnType<typeof makeUws>;
type App = ReturnType<Uws['App']>;

/** Loads a module with these exports, as require() does with an addon. */
function load<T extends object>(exports: T): T {
  const module = { exports };
  process.dlopen(module, '/an/addon.node');
  return module.exports;
}

beforeEach(() => {
  [asked, served, uwsCalls, isAppAddress] = [[], [], [], true];
  process.dlopen = ((_module: object, ...rest: unknown[]) => uwsCalls.push(['dlopen', ...rest])) as never;
  serveUwsApps({
    resolve: (address: ListenAddress) => {
      asked.push(address);
      return isAppAddress ? address : undefined;
    },
    serve: (server: AppServer, address: ListenAddress, result: ListenResult) =>
      served.push({ server, address, result }),
  } as unknown as AppAddress);
});
afterEach(() => {
  process.dlopen = dlopen;
});

const listenIn = (app: App, ...args: unknown[]) => Reflect.apply(app.listen, app, args);
const port = (number: number, host?: string) => ({ port: number, host, ipv6Only: false, backlog: 4096 });

it('another addon is loaded as it is', () => {
  const exports = { App: () => 'own' };
  expect(load(exports).App()).toBe('own');
  expect(uwsCalls).toEqual([['dlopen', '/an/addon.node']]);
});

it.each(['App', 'SSLApp'] as const)('%s makes its app with the options given', (kind) => {
  expect(load(makeUws())[kind]('options')).toMatchObject({ kind, options: 'options' });
});

describe('listen()', () => {
  it.each([
    [[3000], port(3000)],
    [['127.0.0.1', 3000], port(3000, '127.0.0.1')],
    [[3000, 1], port(3000)],
  ])('%j asks limpet for the address', (args, address) => {
    const app = load(makeUws()).App({});
    expect(listenIn(app, ...args, () => {})).toBe(app);
    expect(asked).toEqual([address]);
    expect(served).toEqual([{ server: { app }, address, result: expect.anything() }]);
    expect(uwsCalls).toHaveLength(1);
  });

  it('on a path asks limpet, wherever the callback stands', () => {
    const app = load(makeUws()).App({});
    const callback = vi.fn();
    Reflect.apply(app.listen_unix, app, [callback, '/run/app']);
    expect(asked).toEqual([{ path: '/run/app', backlog: 4096 }]);
    served[0]?.result.bound({ path: '/run/app' });
    expect(callback).toHaveBeenCalledOnce();
  });

  it('is uWebSockets.js’s own if the address is not the app’s', () => {
    isAppAddress = false;
    const app = load(makeUws()).App({});
    const callback = () => {};
    expect(listenIn(app, 3000, callback)).toBe('from uWS');
    expect(Reflect.apply(app.listen_unix, app, [callback, '/run/app'])).toBe('from uWS');
    expect(served).toEqual([]);
    expect(uwsCalls.slice(1)).toEqual([
      ['listen', 3000, callback],
      ['listen_unix', callback, '/run/app'],
    ]);
  });

  it('calls back with false if the address cannot be bound', () => {
    const callback = vi.fn();
    listenIn(load(makeUws()).App({}), 3000, callback);
    served[0]?.result.failed(new LimpetError('ERR_LIMPET_ADDRESS_IN_USE', 'taken'));
    expect(callback).toHaveBeenCalledExactlyOnceWith(false);
  });

  it('needs no callback', () => {
    listenIn(load(makeUws()).App({}), 3000);
    expect(() => {
      served[0]?.result.bound({ path: '/x' });
      served[0]?.result.failed(new LimpetError('ERR_LIMPET_ADDRESS_IN_USE', 'taken'));
    }).not.toThrow();
  });
});

describe('the token that stands for the listening socket', () => {
  function tokenOf(uws: Uws, bound: Parameters<ListenResult['bound']>[0]): unknown {
    const callback = vi.fn();
    listenIn(uws.App({}), 3000, callback);
    served[0]?.result.bound(bound);
    return callback.mock.calls[0]?.[0];
  }

  it('names the port', () => {
    const uws = load(makeUws());
    const token = tokenOf(uws, { address: '::', family: 'IPv6', port: 3000 });
    expect(uws.us_socket_local_port(token)).toBe(3000);
  });

  it('names no port of a path', () => {
    const uws = load(makeUws());
    expect(uws.us_socket_local_port(tokenOf(uws, { path: '/run/app' }))).toBe(-1);
  });

  it('closes the app', () => {
    const uws = load(makeUws());
    const token = tokenOf(uws, { path: '/run/app' });
    expect(uws.us_listen_socket_close(token)).toBe('closed');
    expect(uwsCalls.at(-1)).toEqual(['close']);
  });

  it('other tokens are uWebSockets.js’s', () => {
    const uws = load(makeUws());
    expect([uws.us_socket_local_port('other'), uws.us_listen_socket_close('other')]).toEqual([
      4711,
      'closed by uWS',
    ]);
  });
});
