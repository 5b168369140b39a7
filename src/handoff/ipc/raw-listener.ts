import { createServer, type Server } from 'node:net';
import { handoffBinding } from '../../binding/handoff-binding.js';
import { bindingReport } from '../../binding/native.js';
import type { BoundAddress, ListenAddress, RawHandle } from '../../connection.js';
import { publish } from '../../diagnostics.js';
import { bindError, listenAt } from '../listen-address.js';
import { handleOf, type ListeningSockets } from '../listening-sockets.js';

/** An address to listen on. */
export interface NamedAddress {
  readonly sockets: ListeningSockets;
  /** The name of the address's sockets in an upgrade. */
  readonly key: string;
  readonly address: ListenAddress;
}

/** Sockets that listen already. */
interface OpenSockets {
  readonly bound: BoundAddress;
  readonly handles: readonly RawHandle[];
  readonly managed: boolean;
}

/** Accepts connections as bare handles, like the round robin of Node's cluster: connections that are passed on need no net.Socket. */
export class RawListener {
  readonly bound: BoundAddress;
  readonly #on: NamedAddress;
  readonly #onConnection: (handle: RawHandle) => void;
  readonly #managed: boolean;
  readonly #servers: Server[] = [];
  /** Sockets that listen and that this process does not accept from yet. */
  #waiting: readonly RawHandle[];

  private constructor(
    on: NamedAddress,
    onConnection: (handle: RawHandle) => void,
    { bound, handles, managed }: OpenSockets,
  ) {
    this.#on = on;
    this.#onConnection = onConnection;
    this.#waiting = handles;
    this.#managed = managed;
    this.bound = bound;
  }

  /**
   * `onConnection` gets every connection and owns its handle. If the sockets are inherited, connections come only after `start`.
   * Rejects with ERR_LIMPET_ADDRESS_*.
   */
  static async open(on: NamedAddress, onConnection: (handle: RawHandle) => void): Promise<RawListener> {
    const { sockets, key, address } = on;
    const inherited = sockets.takeInherited(key, address);
    if (inherited) {
      const handles = inherited.descriptors.map(handleOf);
      const bound = boundTo(handles[0] as RawHandle, address);
      const listener = new RawListener(on, onConnection, { bound, handles, managed: inherited.managed });
      listener.#register(() => inherited.descriptors);
      return listener;
    }
    const binding = bindingReport().kind === 'native' ? handoffBinding() : null;
    if ('path' in address && binding) {
      // If libuv binds a unix socket, it removes the file at close, even if a new primary listens there. So the addon binds it.
      const fd = await listenAt(address, (numeric) => binding.listenExclusively(numeric, address.backlog));
      const listener = new RawListener(on, onConnection, {
        bound: address,
        handles: [handleOf(fd)],
        managed: false,
      });
      listener.#register(() => [fd]);
      listener.start();
      return listener;
    }
    const server = await listening(address);
    const bound = boundOf(server);
    const listener = new RawListener(on, onConnection, { bound, handles: [], managed: false });
    const fd = rawHandleOf(server).fd;
    listener.#register(() => ('path' in address || fd < 0 ? undefined : [fd]));
    listener.#acceptFrom(server);
    return listener;
  }

  /** Begins to accept from inherited sockets. */
  start(): void {
    for (const handle of this.#waiting) {
      const server = createServer({ pauseOnConnect: true });
      server.listen(handle, this.#on.address.backlog);
      this.#acceptFrom(server);
    }
    this.#waiting = [];
  }

  close(): void {
    const { sockets, key, address } = this.#on;
    sockets.unregister(key);
    for (const server of this.#servers) server.close();
    for (const handle of this.#waiting) handle.close();
    // The file of an inherited socket belongs to the old primary until this one accepts.
    if (this.#waiting.length === 0) sockets.removeFile(address, this.#managed);
  }

  #register(descriptors: () => readonly number[] | undefined): void {
    const { sockets, key } = this.#on;
    sockets.register(key, { descriptors, managed: this.#managed, release: () => this.close() });
  }

  #acceptFrom(server: Server): void {
    rawHandleOf(server).onconnection = (status, handle) => {
      if (status === 0 && handle) this.#onConnection(handle);
      else publish('limpet:fault', () => ({ where: 'accept', error: status }));
    };
    server.on('error', (error) => publish('limpet:fault', () => ({ where: 'listener', error })));
    this.#servers.push(server);
  }
}

interface AcceptingHandle extends RawHandle {
  onconnection: (status: number, handle: RawHandle | undefined) => void;
}

function rawHandleOf(server: Server): AcceptingHandle {
  return (server as unknown as { _handle: AcceptingHandle })._handle;
}

function listening(address: ListenAddress): Promise<Server> {
  const server = createServer({ pauseOnConnect: true });
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => reject(bindError(error, address));
    server.once('error', failed);
    server.listen(withoutUndefined(address), () => {
      server.off('error', failed);
      resolve(server);
    });
  });
}

function boundOf(server: Server): BoundAddress {
  const bound = server.address();
  return typeof bound === 'string' || bound === null ? { path: String(bound) } : (bound as BoundAddress);
}

function boundTo(handle: RawHandle, address: ListenAddress): BoundAddress {
  if ('path' in address) return { path: address.path };
  const bound: { address?: string; family?: string; port?: number } = {};
  handle.getsockname?.(bound);
  return bound as BoundAddress;
}

function withoutUndefined(address: ListenAddress): object {
  return Object.fromEntries(Object.entries(address).filter(([, value]) => value !== undefined));
}
