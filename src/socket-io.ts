/**
 * Socket.IO on several workers: every request of a session reaches the worker that knows it.
 *
 * With `limpet.listen(server, 3000, { affinity: 'socket.io' })`, call {@link setupWorker} in the workers. An app that forks
 * its own workers uses {@link setupPrimary} too, as with @socket.io/sticky 1 and 2, whose place this module takes.
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

/** Options of setupPrimary(), with the names of @socket.io/sticky. */
export interface PrimaryOptions {
  /** How a client without a session is given a worker. Default 'least-connection'. */
  loadBalancingMethod?: Balancing;
}

/** What of a Socket.IO server is used. */
export interface SocketIoServer {
  /** Its Engine.IO server. */
  readonly engine: {
    generateId: unknown;
    on(event: 'connection', listener: (socket: EngineSocket) => void): unknown;
  };
  /** The server that it is attached to. */
  readonly httpServer: unknown;
}
interface EngineSocket {
  once(event: 'close', listener: () => void): unknown;
  close(): unknown;
}

const methods: readonly Balancing[] = ['random', 'round-robin', 'least-connection'];

/**
 * In the primary of an app that forks its own workers: `httpServer.listen(…)` then listens for all of them. The server serves
 * nothing here; it emits 'listening' and 'error', and tells its address, as usual.
 * @throws LimpetError ERR_LIMPET_OPTION, _ROLE.
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
      'setupPrimary() was called in a worker. Call setupWorker(io) there.',
    );
  }
  httpServer.listen = (...given: unknown[]) => {
    const last = given.at(-1);
    if (typeof last === 'function') httpServer.once('listening', last as () => void);
    const { port, host, path, backlog, ipv6Only } = checkListenOptions(whereOf(given));
    const address = path === undefined ? { port: port ?? 0, host, ipv6Only, backlog } : { path, backlog };
    const router = new AdoptingRouter(address, method);
    const face = nodePrimaryStub(httpServer, () => router.close());
    router.opened.then(face.bound, (error: LimpetError) => {
      if (!face.failed(error)) throw error;
    });
    return httpServer;
  };
}

/** The name that @socket.io/sticky gives it. */
export const setupMaster: typeof setupPrimary = setupPrimary;

/**
 * In a worker: session ids lead back to it, and a draining worker keeps its sessions until they end, or until
 * `drainTimeoutMs`. When the whole router closes, sessions are closed. Call it once `io` is attached to its server. In a process that is no worker it does nothing.
 * @throws LimpetError ERR_LIMPET_ADAPTER when it is not, or when its server cannot be fed.
 */
export function setupWorker(io: SocketIoServer): void {
  if (!io?.engine) {
    throw new LimpetError(
      'ERR_LIMPET_ADAPTER',
      'setupWorker() got a Socket.IO server that is attached to no http server. Make it with new Server(httpServer) first.',
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

/** The forms of net.Server's listen() that name an address. */
function whereOf(given: readonly unknown[]): number | string | ListenOptions {
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

/** Net takes ports as texts too, as they stand in the environment. */
function asNumber(port: unknown): unknown {
  return typeof port === 'string' && /^\d+$/.test(port) ? Number(port) : port;
}

function withoutUndefined(options: Record<string, unknown>): ListenOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
