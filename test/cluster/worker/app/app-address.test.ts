import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AppServer } from '../../../../src/adapter/contract.ts';
import { AppAddress } from '../../../../src/cluster/worker/app/app-address.ts';
import type { BoundAddress, ListenAddress } from '../../../../src/connection.ts';
import { LimpetError } from '../../../../src/errors.ts';
import { FakeAdapter, serverOf } from '../fake-adapter.ts';

/** The calls of worker.listen(). */
const served: { server: AppServer; address: ListenAddress }[] = [];
vi.mock('../../../../src/cluster/worker/worker.ts', () => ({
  worker: {
    listen: (server: AppServer, address: ListenAddress) => served.push({ server, address }),
  },
}));

const port = (number: number, host?: string) => ({ port: number, host, ipv6Only: false, backlog: 511 });
const path = (name: string) => ({ path: name, backlog: 511 });

beforeEach(() => {
  served.length = 0;
  delete process.env.LIMPET_SLOT;
});

/** Serves at the address, as the app's listen() does when it is resolved. */
function serve(app: AppAddress, address: ListenAddress) {
  const adapter = new FakeAdapter();
  const results: unknown[] = [];
  app.serve(serverOf(adapter), address, {
    bound: (at) => results.push(at),
    failed: (error) => results.push(error),
  });
  const made = served.at(-1)?.server.adapter(() => {});
  if (!made) throw new Error('the worker was not asked');
  return { adapter, made, results };
}

const at = (number: number): BoundAddress => ({ address: '127.0.0.1', family: 'IPv4', port: number });
const inUse = new LimpetError('ERR_LIMPET_ADDRESS_IN_USE', 'taken');

describe('without settings', () => {
  it('the first listen() is served, and a second elsewhere is not', () => {
    const app = new AppAddress({});
    expect(app.resolve(port(3000))).toEqual(port(3000));
    serve(app, port(3000));
    expect(app.resolve(port(3001))).toBeUndefined();
    expect(app.resolve(path('/run/app'))).toBeUndefined();
  });

  it('the first listen() may be on a path', () => {
    const app = new AppAddress({});
    expect(app.resolve(path('/run/app'))).toEqual(path('/run/app'));
    serve(app, path('/run/app'));
    expect(app.resolve(port(3000))).toBeUndefined();
  });

  it.each([port(3000, '127.0.0.1'), path('/run/app')])(
    'the same address twice is served once: %j',
    (address) => {
      const app = new AppAddress({});
      expect(app.resolve(address)).toEqual(address);
      serve(app, address);
      expect(app.resolve(address)).toBeUndefined();
    },
  );

  it('the same port on another host is served, too', () => {
    const app = new AppAddress({});
    const [first, second] = [port(3000, '127.0.0.1'), port(3000, '::1')];
    expect(app.resolve(first)).toEqual(first);
    serve(app, first);
    expect(app.resolve(second)).toEqual(second);
  });

  it('the port that the system chose for port 0 is the app’s', () => {
    const app = new AppAddress({});
    expect(app.resolve(port(0))).toEqual(port(0));
    const { made } = serve(app, port(0));
    expect(app.resolve(port(4711, '::1'))).toBeUndefined();
    made.listen(at(4711), 511);
    expect(app.resolve(port(4711, '::1'))).toEqual(port(4711, '::1'));
    expect(app.resolve(port(0))).toBeUndefined();
    expect(app.resolve(port(0, '::1')), 'another port 0 is another port').toBeUndefined();
  });

  it('a path that a probe has tried stays the app’s', () => {
    const app = new AppAddress({});
    app.resolve(path('/run/app'));
    app.resolve(port(3000));
    serve(app, port(3000));
    expect(app.resolve(path('/run/app'))).toEqual(path('/run/app'));
    expect(app.resolve(path('/run/other'))).toBeUndefined();
  });

  it('an app whose first address cannot be bound may try another', () => {
    const app = new AppAddress({});
    app.resolve(port(3000));
    const { made, results } = serve(app, port(3000));
    made.failed(inUse);
    expect(results).toEqual([inUse]);
    expect(app.resolve(port(3001))).toEqual(port(3001));
    serve(app, port(3001));
    expect(app.resolve(port(3000)), 'the first port is forgotten').toBeUndefined();
  });

  it('while another address is served, a failed one cannot be replaced', () => {
    const app = new AppAddress({});
    const [first, second] = [port(3000, '127.0.0.1'), port(3000, '::1')];
    app.resolve(first);
    serve(app, first);
    app.resolve(second);
    serve(app, second).made.failed(inUse);
    expect(app.resolve(port(3001))).toBeUndefined();
    expect(app.resolve(second), 'it can be tried again').toEqual(second);
  });
});

describe('with a port', () => {
  it('only that port is served, and port 0 in its place', () => {
    const app = new AppAddress({ port: 8080 });
    expect(app.resolve(port(3000))).toBeUndefined();
    expect(app.resolve(path('/run/app'))).toBeUndefined();
    expect(app.resolve(port(0))).toEqual(port(8080));
    expect(app.resolve(port(8080))).toEqual(port(8080));
  });

  it('port 0 replaces it once', () => {
    const app = new AppAddress({ port: 8080 });
    serve(app, port(8080));
    expect(app.resolve(port(0))).toBeUndefined();
  });

  it('the given host replaces the app’s', () => {
    const app = new AppAddress({ port: 8080, host: '10.0.0.1' });
    expect(app.resolve(port(8080, '127.0.0.1'))).toEqual(port(8080, '10.0.0.1'));
  });

  it('after a failure the port may be tried again', () => {
    const app = new AppAddress({ port: 8080 });
    serve(app, port(8080)).made.failed(inUse);
    expect(app.resolve(port(0))).toEqual(port(8080));
    expect(app.resolve(port(3000))).toBeUndefined();
  });
});

describe('with a path', () => {
  it('only that path is served', () => {
    const app = new AppAddress({ path: '/run/app' });
    expect(app.resolve(path('/run/other'))).toBeUndefined();
    expect(app.resolve(port(0))).toBeUndefined();
    expect(app.resolve(path('/run/app'))).toEqual(path('/run/app'));
  });
});

describe('serve()', () => {
  it('asks the worker for the address, and reports it when the server listens', () => {
    const { adapter, made, results } = serve(new AppAddress({}), port(3000));
    expect(served).toEqual([
      { server: expect.objectContaining({ kind: 'node', tls: false }), address: port(3000) },
    ]);
    made.listen(at(3000), 99);
    expect(adapter.calls).toEqual([['listen', at(3000), 99]]);
    expect(results).toEqual([at(3000)]);
  });

  it('keeps the error from the server, which would report it in limpet’s form', () => {
    const { adapter, made } = serve(new AppAddress({}), port(3000));
    made.failed(inUse);
    expect(adapter.calls).toEqual([]);
  });
});

describe('the warning', () => {
  let printed: string[];
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    printed = [];
    process.env.LIMPET_SLOT = '0';
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => printed.push(String(text)) > 0);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  it('comes after five seconds if the app does not listen at all', () => {
    new AppAddress({});
    vi.advanceTimersByTime(4999);
    expect(printed).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(printed).toEqual([
      'limpet: the app has not called listen() for 5 seconds since its start. No client is served until it does.\n',
    ]);
    vi.advanceTimersByTime(60_000);
    expect(printed).toHaveLength(1);
  });

  it.each([
    [{ port: 8080 }, '8080'],
    [{ path: '/run/app' }, '/run/app'],
  ])('names the other addresses of the app, and its own: %j', (settings, own) => {
    const app = new AppAddress(settings);
    for (const address of [port(3000), port(3000), path('/run/other')]) app.resolve(address);
    vi.advanceTimersByTime(5000);
    expect(printed).toEqual([
      `limpet: the app listens on port 3000, /run/other, but limpet was told that clients connect to ${own}. ` +
        'Set --port to the port of the app, or make the app listen on process.env.PORT.\n',
    ]);
  });

  it('does not come if the app is served', () => {
    serve(new AppAddress({}), port(3000));
    vi.advanceTimersByTime(5000);
    expect(printed).toEqual([]);
  });

  it('comes from slot 0 only', () => {
    process.env.LIMPET_SLOT = '1';
    new AppAddress({});
    vi.advanceTimersByTime(5000);
    expect(printed).toEqual([]);
  });
});
