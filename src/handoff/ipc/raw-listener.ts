import { createServer, type Server } from 'node:net';
import { handoffBinding } from '../../binding/handoff-binding.js';
import { bindingReport } from '../../binding/native.js';
import type { BoundAddress, ListenAddress, RawHandle } from '../../connection.js';
import { publish } from '../../diagnostics.js';
import { bindError, listenAt } from '../listen-address.js';
import { handleOf, type ListeningSockets } from '../listening-sockets.js';

/** One address, and what its sockets are called from one primary to the next. */
interface Where {
  readonly sockets: ListeningSockets;
  readonly key: string;
  readonly address: ListenAddress;
}

/** Accepts connections as Node's own round robin does: the bare handle, so that no net.Socket is made for what only passes through. */
export class RawListener {
  readonly bound: BoundAddress;
  readonly #where: Where;
  readonly #arrived: (handle: RawHandle) => void;
  readonly #managed: boolean;
  readonly #servers: Server[] = [];
  /** Sockets that listen already; nobody accepts from them yet. */
  #waiting: readonly RawHandle[];

  private constructor(
    where: Where,
    arrived: (handle: RawHandle) => void,
    own: { bound: BoundAddress; handles: readonly RawHandle[]; managed: boolean },
  ) {
    this.#where = where;
    this.#arrived = arrived;
    this.#waiting = own.handles;
    this.#managed = own.managed;
    this.bound = own.bound;
  }

  /**
   * `arrived` gets every connection, and owns it; where sockets were given, only after `start`. Rejects with ERR_LIMPET_ADDRESS_*.
   */
  static async open(where: Where, arrived: (handle: RawHandle) => void): Promise<RawListener> {
    const { sockets, key, address } = where;
    const given = sockets.takeInherited(key, address);
    if (given) {
      const handles = given.descriptors.map(handleOf);
      const bound = boundTo(handles[0] as RawHandle, address);
      const listener = new RawListener(where, arrived, { bound, handles, managed: given.managed });
      listener.#keep(() => given.descriptors);
      return listener;
    }
    const binding = bindingReport().kind === 'native' ? handoffBinding() : null;
    if ('path' in address && binding) {
      // libuv removes the file of a socket that it has bound, although a successor may listen there.
      const fd = await listenAt(address, (numeric) => binding.listenExclusively(numeric, address.backlog));
      const listener = new RawListener(where, arrived, {
        bound: address,
        handles: [handleOf(fd)],
        managed: false,
      });
      listener.#keep(() => [fd]);
      listener.start();
      return listener;
    }
    const server = await listening(address);
    const listener = new RawListener(where, arrived, { bound: boundOf(server), handles: [], managed: false });
    const fd = rawHandleOf(server).fd;
    listener.#keep(() => ('path' in address || fd < 0 ? undefined : [fd]));
    listener.#attend(server);
    return listener;
  }

  /** Whether connections come. */
  get started(): boolean {
    return this.#waiting.length === 0;
  }

  /** From now on accepts from sockets that were given. */
  start(): void {
    for (const handle of this.#waiting) {
      const server = createServer({ pauseOnConnect: true });
      server.listen(handle, this.#where.address.backlog);
      this.#attend(server);
    }
    this.#waiting = [];
  }

  close(): void {
    const { sockets, key, address } = this.#where;
    sockets.unregister(key);
    for (const server of this.#servers) server.close();
    for (const handle of this.#waiting) handle.close();
    if (this.started) sockets.removeFile(address, this.#managed);
  }

  #keep(descriptors: () => readonly number[] | undefined): void {
    const { sockets, key } = this.#where;
    sockets.register(key, { descriptors, managed: this.#managed, release: () => this.close() });
  }

  #attend(server: Server): void {
    rawHandleOf(server).onconnection = (status, handle) => {
      if (status === 0 && handle) this.#arrived(handle);
      else publish('limpet:fault', () => ({ where: 'accept', error: status }));
    };
    server.on('error', (error) => publish('limpet:fault', () => ({ where: 'listener', error })));
    this.#servers.push(server);
  }
}

interface ListeningHandle extends RawHandle {
  onconnection: (status: number, handle: RawHandle | undefined) => void;
}

function rawHandleOf(server: Server): ListeningHandle {
  return (server as unknown as { _handle: ListeningHandle })._handle;
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
