import { addAbortListener } from 'node:events';
import { isIPv4, Server } from 'node:net';
import { ListeningHandle } from '../../../adapter/node/listening-handle.js';
import { recognize } from '../../../adapter/recognize.js';
import type { ListenAddress } from '../../../connection.js';
import type { LimpetError } from '../../../errors.js';
import type { AppAddress } from './app-address.js';

/** What net.Server's listen() takes, in the form to which it brings its arguments. */
interface Asked {
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

/** From now on a Node server that listens where the app's clients come is served by limpet. */
export function serveNodeApps(app: AppAddress): void {
  const { listen } = Server.prototype;
  const asBefore = listen as (this: Server, ...args: unknown[]) => Server;
  const waiting: WeakSet<Server> = new WeakSet();
  Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
    const asked = normalized(args);
    const wanted = this.listening || waiting.has(this) ? undefined : addressOf(asked, args);
    const address = wanted && app.claim(wanted);
    if (!address) return asBefore.apply(this, args);
    const called = args.at(-1);
    if (typeof called === 'function') this.once('listening', called as () => void);
    if (asked.signal) closeWhenAborted(this, asked.signal);
    waiting.add(this);
    const serve = () =>
      app.serve(recognize(this), address, {
        bound: () => waiting.delete(this),
        failed: (error) => {
          waiting.delete(this);
          fail(this, error, address);
        },
      });
    if (!mayBeProbe(this)) serve();
    else {
      setImmediate(() => {
        if (!mayBeProbe(this)) serve();
        else if (waiting.delete(this)) pretend(this, address, asBefore);
      });
    }
    return this;
  };
}

/**
 * A plain server to which nobody listens serves no clients: some apps open one, and close it, to see whether a port is free
 * before they take it.
 */
function mayBeProbe(server: Server): boolean {
  return Object.getPrototypeOf(server) === Server.prototype && server.listenerCount('connection') === 0;
}

/** As far as this process is concerned the port is free: whether it can be had is told when it is listened on in earnest. */
function pretend(
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

/** As net does it: options, or a path, or a port and perhaps a host, and perhaps a backlog. */
function normalized(args: readonly unknown[]): Asked {
  const [first, second] = args;
  if (typeof first === 'object' && first !== null) return first;
  if (typeof first === 'string' && !/^\d+$/.test(first)) return { path: first };
  const host = typeof second === 'string' ? { host: second } : {};
  return typeof first === 'function' ? { port: 0 } : { port: first, ...host };
}

/** Undefined for what net shall judge, or serve, by itself: descriptors, handles, what is no port. */
function addressOf(asked: Asked, args: readonly unknown[]): ListenAddress | undefined {
  if ('fd' in asked || 'handle' in asked || '_handle' in asked || isHandle(asked)) return undefined;
  if (asked.signal !== undefined && !(asked.signal instanceof AbortSignal)) return undefined;
  const [, second, third] = args;
  const backlog = asked.backlog || Number(second) || Number(third) || backlogDefault;
  if (asked.path !== undefined && asked.port === undefined) return { path: asked.path, backlog };
  const port = Number(asked.port ?? 0);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) return undefined;
  return { port, host: asked.host || undefined, ipv6Only: asked.ipv6Only === true, backlog };
}

/** A server, socket or raw handle, whose handle net would listen on. */
function isHandle(asked: object): boolean {
  return typeof (asked as { getsockname?: unknown; listen?: unknown }).listen === 'function';
}

function closeWhenAborted(server: Server, signal: AbortSignal): void {
  if (signal.aborted) {
    process.nextTick(() => server.close());
    return;
  }
  const listening = addAbortListener(signal, () => server.close());
  server.once('close', () => listening[Symbol.dispose]());
}

const nodeCodes: Partial<Record<string, string>> = {
  ERR_LIMPET_ADDRESS_IN_USE: 'EADDRINUSE',
  ERR_LIMPET_ADDRESS_DENIED: 'EACCES',
  ERR_LIMPET_ADDRESS_UNAVAILABLE: 'EADDRNOTAVAIL',
};

/**
 * An app that listens for the error hears what Node would have told it. One that does not would end by an uncaught exception
 * in every worker: it ends quietly, and the primary, which knows the reason, says it once.
 */
function fail(server: Server, error: LimpetError, address: ListenAddress): void {
  if (server.listenerCount('error') === 0 && process.listenerCount('uncaughtException') === 0)
    process.exit(1);
  const code = nodeCodes[error.code] ?? error.code;
  const where =
    'path' in address ? { address: address.path } : { address: address.host ?? '::', port: address.port };
  const told = Object.assign(new Error(`listen ${code}: ${error.message}`, { cause: error }), {
    code,
    syscall: 'listen',
    ...where,
  });
  process.nextTick(() => server.emit('error', told));
}
