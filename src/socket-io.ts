/**
 * Socket.IO on several workers: every request of a session reaches the worker that has the session.
 *
 * With `limpet.listen(server, 3000, { affinity: 'socket.io' })`, call {@link setupWorker} in the workers. An app that forks its own
 * workers also calls {@link setupPrimary} in the primary. This module replaces @socket.io/sticky 1 and 2 and has the same functions.
 */
import cluster from 'node:cluster';
import type { Server } from 'node:net';
import { nodePrimaryStub } from './adapter/node/primary-stub.js';
import { recognize } from './adapter/recognize.js';
import { AdoptingRouter, type Balancing } from './cluster/primary/adopting-router.js';
import { worker } from './cluster/worker/worker.js';
import { LimpetError } from './errors.js';
import { checkListenOptions, type ListenOptions } from './options.js';

export type { Balancing } from './cluster/primary/adopting-router.js';

/** Options of setupPrimary(). They have the names of @socket.io/sticky. */
export interface PrimaryOptions {
  /** How the worker of a client without a session is chosen. Default 'least-connection'. */
  loadBalancingMethod?: Balancing;
}

/** The part of a Socket.IO server that limpet uses. */
export interface SocketIoServer {
  /** Its Engine.IO server. */
  readonly engine: {
    generateId: unknown;
    on(event: 'connection', listener: (socket: EngineSocket) => void): unknown;
  };
  /** The HTTP server that it is attached to. */
  readonly httpServer: unknown;
}
interface EngineSocket {
  once(event: 'close', listener: () => void): unknown;
  close(): unknown;
}

const methods: readonly Balancing[] = ['random', 'round-robin', 'least-connection'];

/**
 * Call it in the primary of an app that forks its own workers. `httpServer.listen(…)` then listens for all of them. The server serves
 * nothing in the primary, but emits 'listening' and 'error' and returns its address as usual.
 * @throws LimpetError ERR_LIMPET_OPTION (loadBalancingMethod), ERR_LIMPET_ROLE (in a worker).
 */
export function setupPrimary(httpServer: Server, options: PrimaryOptions = {}): void {
  const method = options.loadBalancingMethod ?? 'least-connection';
  if (!methods.includes(method)) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      `option loadBalancingMethod: got ${JSON.stringify(method)}, expected one of ${methods.join(', ')}.`,
      { option: 'loadBalancingMethod', value: method },
    );
  }
  if (!cluster.isPrimary) {
    throw new LimpetError(
      'ERR_LIMPET_ROLE',
      'setupPrimary() was called in a worker, expected the primary. Call setupWorker(io) in workers.',
    );
  }
  httpServer.listen = (...given: unknown[]) => {
    const last = given.at(-1);
    if (typeof last === 'function') httpServer.once('listening', last as () => void);
    const { port, host, path, backlog, ipv6Only } = checkListenOptions(listenOptionsOf(given));
    const address = path === undefined ? { port: port ?? 0, host, ipv6Only, backlog } : { path, backlog };
    const router = new AdoptingRouter(address, method);
    const stub = nodePrimaryStub(httpServer, () => router.close());
    router.opened.then(stub.bound, (error: LimpetError) => {
      if (!stub.failed(error)) throw error;
    });
    return httpServer;
  };
}

/** The name of setupPrimary() in @socket.io/sticky. */
export const setupMaster: typeof setupPrimary = setupPrimary;

/**
 * Call it in a worker when `io` is attached to its server. The session ids of `io` then lead back to this worker. A draining worker
 * keeps its sessions until they end, for `drainTimeoutMs` at most. When the whole router closes, it closes its sessions. In a process
 * that is not a worker the function does nothing.
 * @throws LimpetError ERR_LIMPET_ADAPTER if `io` is not attached to a server, or if limpet cannot deliver connections to that server.
 */
export function setupWorker(io: SocketIoServer): void {
  if (!io?.engine) {
    throw new LimpetError(
      'ERR_LIMPET_ADAPTER',
      'setupWorker() got a Socket.IO server without an HTTP server, expected one that is attached. Create it by new Server(httpServer).',
    );
  }
  if (!cluster.isWorker) return;
  io.engine.generateId = () => worker.makeSid();
  io.engine.on('connection', (socket) => {
    socket.once(
      'close',
      worker.hold(() => socket.close()),
    );
  });
  if (worker.slot === undefined) worker.adopt(recognize(io.httpServer));
}

/** Understands the forms of net.Server's listen() that name an address. */
function listenOptionsOf(given: readonly unknown[]): number | string | ListenOptions {
  const [first, second, third] = given;
  if (typeof first === 'object' && first !== null) {
    const { port, host, path, backlog, ipv6Only } = first as ListenOptions;
    return withoutUndefined({ port: asNumber(port), host, path, backlog, ipv6Only });
  }
  if (typeof first === 'string' && typeof asNumber(first) === 'string') return first;
  const host = typeof second === 'string' ? second : undefined;
  const backlog = [second, third].find((each) => typeof each === 'number');
  return withoutUndefined({ port: Number(first ?? 0), host, backlog });
}

/** net accepts ports as text, too, as environment variables have them. */
function asNumber(port: unknown): unknown {
  return typeof port === 'string' && /^\d+$/.test(port) ? Number(port) : port;
}

function withoutUndefined(options: Record<string, unknown>): ListenOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
