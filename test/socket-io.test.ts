import { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { LimpetError } from '../src/errors.ts';
import { setupMaster, setupPrimary, setupWorker } from '../src/socket-io.ts';

const fakes = vi.hoisted(() => ({
  cluster: { isPrimary: true, isWorker: false },
  routers: [] as {
    address: unknown;
    balancing: unknown;
    closings: number;
    open(at: unknown): void;
    fail(error: unknown): void;
  }[],
  slot: undefined as number | undefined,
  adopted: [] as unknown[],
  holds: [] as (() => void)[],
  releases: 0,
}));
vi.mock('node:cluster', () => ({ default: fakes.cluster }));
vi.mock('../src/cluster/primary/adopting-router.ts', () => ({
  AdoptingRouter: class {
    closings = 0;
    opened: Promise<unknown>;
    open: (at: unknown) => void = () => {};
    fail: (error: unknown) => void = () => {};
    constructor(
      readonly address: unknown,
      readonly balancing: unknown,
    ) {
      this.opened = new Promise((resolve, reject) => {
        this.open = resolve;
        this.fail = reject;
      });
      fakes.routers.push(this);
    }
    async close() {
      this.closings += 1;
    }
  },
}));
vi.mock('../src/cluster/worker/worker.ts', () => ({
  worker: {
    get slot() {
      return fakes.slot;
    },
    makeSid: () => 'a sid',
    hold: (end: () => void) => {
      fakes.holds.push(end);
      return () => fakes.releases++;
    },
    adopt: (server: unknown) => fakes.adopted.push(server),
  },
}));

beforeEach(() => {
  Object.assign(fakes, { slot: undefined, releases: 0 });
  for (const list of [fakes.routers, fakes.adopted, fakes.holds]) list.length = 0;
  Object.assign(fakes.cluster, { isPrimary: true, isWorker: false });
});

describe('setupPrimary()', () => {
  it('is setupMaster(), too', () => {
    expect(setupMaster).toBe(setupPrimary);
  });

  it('rejects an unknown method of balancing', () => {
    expect(() => setupPrimary(createServer(), { loadBalancingMethod: 'sticky' as never })).toThrow(
      expect.objectContaining({
        code: 'ERR_LIMPET_OPTION',
        message:
          'option loadBalancingMethod: got "sticky", expected one of random, round-robin, least-connection.',
      }),
    );
  });

  it('is refused in a worker', () => {
    fakes.cluster.isPrimary = false;
    expect(() => setupPrimary(createServer())).toThrow(expect.objectContaining({ code: 'ERR_LIMPET_ROLE' }));
  });

  const port = (number: number, more: object = {}) => ({
    port: number,
    host: undefined,
    ipv6Only: false,
    backlog: 4096,
    ...more,
  });
  it.each([
    [[], port(0)],
    [[3000], port(3000)],
    [['3000'], port(3000)],
    [[3000, '127.0.0.1'], port(3000, { host: '127.0.0.1' })],
    [[3000, '127.0.0.1', 9], port(3000, { host: '127.0.0.1', backlog: 9 })],
    [[3000, 9], port(3000, { backlog: 9 })],
    [[3000, () => {}], port(3000)],
    [[{ port: '3000', host: '::1', ipv6Only: true, other: 1 }], port(3000, { host: '::1', ipv6Only: true })],
    [['/run/app'], { path: '/run/app', backlog: 4096 }],
    [[{ path: '/run/app', backlog: 9 }], { path: '/run/app', backlog: 9 }],
  ])('listen(%j) opens a router there', (args, address) => {
    const server = createServer();
    setupPrimary(server);
    expect(Reflect.apply(server.listen, server, args)).toBe(server);
    expect(fakes.routers).toMatchObject([{ address, balancing: 'least-connection' }]);
  });

  it('chooses workers by the method that is given', () => {
    const server = createServer();
    setupPrimary(server, { loadBalancingMethod: 'random' });
    server.listen(3000);
    expect(fakes.routers).toMatchObject([{ balancing: 'random' }]);
  });

  it('makes the server represent the router', async () => {
    const server = createServer();
    setupPrimary(server);
    const called = vi.fn();
    server.listen(3000, called);
    const [router] = fakes.routers;
    const bound = { address: '::', family: 'IPv6', port: 3000 };
    router?.open(bound);
    await new Promise(setImmediate);
    expect(called).toHaveBeenCalledOnce();
    expect(server.address()).toEqual(bound);
    server.close();
    expect(router?.closings).toBe(1);
  });

  it('reports an error of the router to the server', async () => {
    const server = createServer();
    setupPrimary(server);
    const errors: unknown[] = [];
    server.on('error', (error) => errors.push(error));
    server.listen(3000);
    const error = new LimpetError('ERR_LIMPET_ADDRESS_IN_USE', 'taken');
    fakes.routers[0]?.fail(error);
    await new Promise(setImmediate);
    expect(errors).toEqual([error]);
  });
});

describe('setupWorker()', () => {
  const attached = () => {
    const engine = Object.assign(new EventEmitter(), { generateId: undefined as unknown });
    return { engine, httpServer: createServer() };
  };

  it.each([undefined, {}])('rejects a Socket.IO server without an HTTP server: %j', (io) => {
    expect(() => setupWorker(io as never)).toThrow(expect.objectContaining({ code: 'ERR_LIMPET_ADAPTER' }));
  });

  it('does nothing in a process that is not a worker', () => {
    const io = attached();
    setupWorker(io);
    expect([io.engine.generateId, fakes.adopted]).toEqual([undefined, []]);
  });

  it('makes session ids that lead back to the worker', () => {
    fakes.cluster.isWorker = true;
    const io = attached();
    setupWorker(io);
    expect((io.engine.generateId as () => string)()).toBe('a sid');
  });

  it('keeps the worker alive for each session until that is closed', () => {
    fakes.cluster.isWorker = true;
    const io = attached();
    setupWorker(io);
    const socket = Object.assign(new EventEmitter(), { close: vi.fn() });
    io.engine.emit('connection', socket);
    expect([fakes.holds.length, fakes.releases]).toEqual([1, 0]);
    fakes.holds[0]?.();
    expect(socket.close).toHaveBeenCalledOnce();
    socket.emit('close');
    socket.emit('close');
    expect(fakes.releases).toBe(1);
  });

  it('asks for a slot in a worker that the app forked, and not in one that limpet forked', () => {
    fakes.cluster.isWorker = true;
    fakes.slot = 0;
    setupWorker(attached());
    expect(fakes.adopted).toEqual([]);
    fakes.slot = undefined;
    setupWorker(attached());
    expect(fakes.adopted).toMatchObject([{ kind: 'node', tls: false }]);
  });
});
