import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Adapter } from '../../../src/adapter/contract.ts';
import { isUwsApp, uwsAppServer } from '../../../src/adapter/uws/uws-adapter.ts';
import type { BoundAddress, RawHandle } from '../../../src/connection.ts';
import { LimpetError } from '../../../src/errors.ts';

const fakes = vi.hoisted(() => ({
  open: new Set<number>(),
  closed: [] as number[],
  hasBinding: true,
  published: [] as unknown[],
}));
const listener = { address: '127.0.0.1', family: 'IPv4', port: 8080 } as const;
vi.mock('../../../src/binding/handoff-binding.ts', () => ({
  handoffBinding: () =>
    fakes.hasBinding
      ? {
          duplicate: (fd: number) => {
            if (fd < 0) throw new Error('EMFILE');
            fakes.open.add(fd + 100);
            return fd + 100;
          },
          close: (fd: number) => fakes.closed.push(fd),
          boundAddress: (fd: number) => {
            if (!fakes.open.has(fd)) throw new Error('EBADF');
            return { address: '127.0.0.1', family: 'IPv4', port: 8080 };
          },
        }
      : undefined,
}));
vi.mock('../../../src/diagnostics.ts', () => ({
  publish: (name: string, payload: () => unknown) => fakes.published.push([name, payload()]),
}));

/** A fake app that adopts descriptors. */
function makeApp() {
  const app = {
    adopted: [] as number[],
    closings: 0,
    routes: {} as Record<string, (response: unknown) => void>,
    filter: vi.fn(),
    numSubscribers: (): number => 0,
    adoptSocket(fd: number) {
      app.adopted.push(fd);
    },
    get(path: string, answer: (response: unknown) => void) {
      app.routes[path] = answer;
    },
    close() {
      app.closings += 1;
      return app;
    },
  };
  return app;
}

let app: ReturnType<typeof makeApp>;
let adapter: Adapter;
let closedByApp: number;
let closedConnections: number;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  fakes.open.clear();
  fakes.closed.length = 0;
  fakes.published.length = 0;
  fakes.hasBinding = true;
  [closedByApp, closedConnections] = [0, 0];
  app = makeApp();
  adapter = uwsAppServer(app).adapter(() => closedByApp++);
  adapter.onClosed = () => closedConnections++;
});
afterEach(() => {
  vi.useRealTimers();
});

function open(fd: number): void {
  fakes.open.add(fd);
  adapter.takeDescriptor(fd);
}
const bound: BoundAddress = listener;

describe('isUwsApp()', () => {
  it.each([
    [makeApp(), true],
    [{ filter: () => {} }, false],
    [{ numSubscribers: (): number => 0 }, false],
    [null, false],
    [undefined, false],
    ['app', false],
  ])('%o: %s', (given, expected) => {
    expect(isUwsApp(given)).toBe(expected);
  });
});

describe('uwsAppServer()', () => {
  it('throws without the addon, and says what to do', () => {
    fakes.hasBinding = false;
    expect(() => uwsAppServer(makeApp())).toThrow(
      expect.objectContaining({
        code: 'ERR_LIMPET_ADAPTER',
        message: expect.stringMatching(
          /file descriptors, but limpet's addon is not loaded: .* "npm rebuild limpet"/,
        ),
      }),
    );
  });

  it('in the primary, close() of the app closes the router, and returns the app', async () => {
    const given = makeApp();
    let closings = 0;
    const stub = uwsAppServer(given).primaryStub(() => {
      closings += 1;
      return Promise.reject(new Error('the router reports it itself'));
    });
    expect(given.close()).toBe(given);
    expect([closings, given.closings]).toEqual([1, 0]);
    expect([stub.bound(bound), stub.failed(new LimpetError('ERR_LIMPET_CLOSED', ''))]).toEqual([
      undefined,
      false,
    ]);
  });
});

describe('a connection', () => {
  it('is adopted by the app and counted until it is closed', () => {
    adapter.listen(bound, 511);
    open(5);
    open(6);
    expect([app.adopted, adapter.open]).toEqual([[5, 6], 2]);
    fakes.open.delete(5);
    expect([adapter.open, closedConnections]).toEqual([1, 1]);
  });

  it('that comes before listen() is closed', () => {
    open(5);
    expect([app.adopted, fakes.closed, closedConnections, adapter.open]).toEqual([[], [5], 1, 0]);
  });

  it('that comes after closeAll() is closed', () => {
    adapter.listen(bound, 511);
    adapter.closeAll();
    open(5);
    expect([app.adopted, app.closings, fakes.closed, closedConnections]).toEqual([[], 1, [5], 1]);
  });

  it('that came as a handle is adopted as a duplicate, and the handle is closed', () => {
    adapter.listen(bound, 511);
    const close = vi.fn();
    adapter.takeHandle({ fd: 5, close } as RawHandle);
    expect([app.adopted, close.mock.calls.length]).toEqual([[105], 1]);
  });

  it('whose descriptor cannot be duplicated is a fault, and its handle is closed', () => {
    adapter.listen(bound, 511);
    const close = vi.fn();
    adapter.takeHandle({ fd: -1, close } as RawHandle);
    expect([app.adopted, close.mock.calls.length]).toEqual([[], 1]);
    expect(fakes.published).toEqual([
      ['limpet:fault', { where: 'duplicate descriptor', error: new Error('EMFILE') }],
    ]);
  });

  it('that the app fails to adopt is a fault', () => {
    adapter.listen(bound, 511);
    app.adoptSocket = () => {
      throw new Error('no');
    };
    expect(() => open(5)).not.toThrow();
    expect(fakes.published).toEqual([['limpet:fault', { where: 'adoptSocket', error: new Error('no') }]]);
  });

  it('to a direct port counts', () => {
    adapter.directPorts?.(8080, 3, 80);
    adapter.listen({ ...listener, port: 80 }, 511);
    open(5);
    expect(adapter.open).toBe(1);
  });
});

describe('health checks', () => {
  it.each([
    [true, '200 OK', 'serving\n'],
    [false, '503 Service Unavailable', 'leaving\n'],
  ])('while the process is healthy (%s), the answer is %s', (isHealthy, status, body) => {
    adapter.answerHealth?.('/health', () => isHealthy);
    const answer: unknown[] = [];
    const response = {
      writeStatus: (text: string) => answer.push(text) && response,
      writeHeader: (...header: string[]) => answer.push(header) && response,
      end: (text: string) => answer.push(text),
    };
    app.routes['/health']?.(response);
    expect(answer).toEqual([status, ['Content-Type', 'text/plain'], ['Cache-Control', 'no-store'], body]);
  });
});

describe('a drain', () => {
  it('is done when the last connection is found closed', () => {
    adapter.listen(bound, 511);
    open(5);
    const done = vi.fn();
    adapter.drain(done);
    vi.advanceTimersByTime(1000);
    expect(done).not.toHaveBeenCalled();
    fakes.open.delete(5);
    vi.advanceTimersByTime(50);
    vi.advanceTimersByTime(1000);
    expect(done).toHaveBeenCalledOnce();
  });

  it('is done at once without connections', () => {
    const done = vi.fn();
    adapter.drain(done);
    expect(done).toHaveBeenCalledOnce();
  });

  it('makes each response close its connection', () => {
    const ends: unknown[][] = [];
    class Response {
      write() {}
      end(...args: unknown[]) {
        ends.push(args);
      }
      endWithoutBody() {}
    }
    const response = new Response();
    app.filter.mock.calls[0]?.[0](response);
    adapter.drain(() => {});
    response.end('body');
    expect(ends).toEqual([['body', true]]);
  });
});

describe('close() of the app', () => {
  it('is reported, returns the app, and closes nothing', () => {
    expect(app.close()).toBe(app);
    expect([closedByApp, app.closings]).toEqual([1, 0]);
  });

  it('is not reported during a drain', () => {
    adapter.drain(() => {});
    app.close();
    expect(closedByApp).toBe(0);
  });
});

it('an address that cannot be bound is an uncaught exception in the next tick', () => {
  const ticks: (() => void)[] = [];
  const nextTick = vi.spyOn(process, 'nextTick').mockImplementation((tick) => ticks.push(tick as () => void));
  const error = new LimpetError('ERR_LIMPET_ADDRESS_IN_USE', 'taken');
  adapter.failed(error);
  nextTick.mockRestore();
  expect(ticks).toHaveLength(1);
  expect(ticks[0]).toThrow(error);
});
