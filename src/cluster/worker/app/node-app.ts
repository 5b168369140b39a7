import { addAbortListener } from 'node:events';
import { isIPv4, Server } from 'node:net';
import { ListeningHandle } from '../../../adapter/node/listening-handle.js';
import { recognize } from '../../../adapter/recognize.js';
import type { ListenAddress } from '../../../connection.js';
import type { LimpetError } from '../../../errors.js';
import type { AppAddress } from './app-address.js';

/** The options of net.Server's listen(), to which it normalizes all forms of its arguments. */
interface ListenArguments {
  port?: unknown;
  host?: string;
  path?: string;
  backlog?: number;
  ipv6Only?: boolean;
  signal?: AbortSignal;
  fd?: unknown;
  handle?: unknown;
  _handle?: unknown;
}

const backlogDefault = 4096;

/** From now on limpet serves each Node server that listens at the app's address. It replaces net.Server's listen(). */
export function serveNodeApps(address: AppAddress): void {
  const { listen } = Server.prototype;
  const nodeListen = listen as (this: Server, ...args: unknown[]) => Server;
  /** Servers whose address is not bound yet. */
  const pending: WeakSet<Server> = new WeakSet();
  Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
    const asked = normalize(args);
    const wanted = this.listening || pending.has(this) ? undefined : addressOf(asked, args);
    const resolved = wanted && address.resolve(wanted);
    if (!resolved) return nodeListen.apply(this, args);
    const callback = args.at(-1);
    if (typeof callback === 'function') this.once('listening', callback as () => void);
    if (asked.signal) closeWhenAborted(this, asked.signal);
    pending.add(this);
    const serve = () =>
      address.serve(recognize(this), resolved, {
        bound: () => pending.delete(this),
        failed: (error) => {
          pending.delete(this);
          fail(this, error, resolved);
        },
      });
    if (!mayBeProbe(this)) serve();
    else {
      setImmediate(() => {
        if (!mayBeProbe(this)) serve();
        else if (pending.delete(this)) listenAsProbe(this, resolved, nodeListen);
      });
    }
    return this;
  };
}

/**
 * Whether the server may only test if a port is free. Some apps open a plain server and close it again before they listen. A plain
 * server without a 'connection' listener serves no clients.
 */
function mayBeProbe(server: Server): boolean {
  return Object.getPrototypeOf(server) === Server.prototype && server.listenerCount('connection') === 0;
}

/** Lets the probe succeed. The real listen() reports whether the port is free. */
function listenAsProbe(
  server: Server,
  address: ListenAddress,
  listen: (this: Server, options: object) => Server,
): void {
  if ('path' in address || address.port === 0) {
    listen.call(server, { ...address, exclusive: true });
    return;
  }
  const { host = '::', port, backlog } = address;
  const bound = { address: host, family: isIPv4(host) ? 'IPv4' : 'IPv6', port } as const;
  new ListeningHandle(server, () => {}).listenAt(bound, backlog);
}

/** Normalizes the arguments as net does: options, or a path, or a port and optionally a host. {@link addressOf} finds the backlog. */
function normalize(args: readonly unknown[]): ListenArguments {
  const [first, second] = args;
  if (typeof first === 'object' && first !== null) return first;
  if (typeof first === 'string' && !/^\d+$/.test(first)) return { path: first };
  const host = typeof second === 'string' ? { host: second } : {};
  return typeof first === 'function' ? { port: 0 } : { port: first, ...host };
}

/** Returns undefined for what Node must serve or reject itself: descriptors, handles, invalid ports and signals. */
function addressOf(asked: ListenArguments, args: readonly unknown[]): ListenAddress | undefined {
  if ('fd' in asked || 'handle' in asked || '_handle' in asked || isHandle(asked)) return undefined;
  if (asked.signal !== undefined && !(asked.signal instanceof AbortSignal)) return undefined;
  const [, second, third] = args;
  const backlog = asked.backlog || Number(second) || Number(third) || backlogDefault;
  if (asked.path !== undefined && asked.port === undefined) return { path: asked.path, backlog };
  const port = Number(asked.port ?? 0);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) return undefined;
  return { port, host: asked.host || undefined, ipv6Only: asked.ipv6Only === true, backlog };
}

/** Whether it is a server, a socket or a raw handle: net listens on its handle. */
function isHandle(asked: object): boolean {
  return typeof (asked as { getsockname?: unknown; listen?: unknown }).listen === 'function';
}

function closeWhenAborted(server: Server, signal: AbortSignal): void {
  if (signal.aborted) {
    process.nextTick(() => server.close());
    return;
  }
  const registration = addAbortListener(signal, () => server.close());
  server.once('close', () => registration[Symbol.dispose]());
}

/** Node's codes of limpet's errors. */
const nodeCodes: Partial<Record<string, string>> = {
  ERR_LIMPET_ADDRESS_IN_USE: 'EADDRINUSE',
  ERR_LIMPET_ADDRESS_DENIED: 'EACCES',
  ERR_LIMPET_ADDRESS_UNAVAILABLE: 'EADDRNOTAVAIL',
};

/**
 * Emits the 'error' that Node would emit. If the app does not handle 'error', every worker would print an uncaught exception.
 * Instead the process exits silently with code 1, and the primary prints the reason once.
 */
function fail(server: Server, error: LimpetError, address: ListenAddress): void {
  if (server.listenerCount('error') === 0 && process.listenerCount('uncaughtException') === 0)
    process.exit(1);
  const code = nodeCodes[error.code] ?? error.code;
  const fields =
    'path' in address ? { address: address.path } : { address: address.host ?? '::', port: address.port };
  const nodeError = Object.assign(new Error(`listen ${code}: ${error.message}`, { cause: error }), {
    code,
    syscall: 'listen',
    ...fields,
  });
  process.nextTick(() => server.emit('error', nodeError));
}
