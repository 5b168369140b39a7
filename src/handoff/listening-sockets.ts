import { closeSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import type { HandoffBinding } from '../binding/handoff-binding.js';
import type { BoundAddress, ListenAddress, RawHandle } from '../connection.js';
import { listenAt } from './listen-address.js';

/** Sockets that listened before this primary started: those of the old primary, or of the service manager. */
export interface InheritedSockets {
  /** The name that the old primary gave them. The service manager's have none. */
  readonly key?: string;
  /** The address of sockets without a key. */
  readonly bound?: BoundAddress;
  /** The sockets of one address: several if each slot has one. The holder of this object owns them. */
  readonly descriptors: readonly number[];
  /** True for the service manager's sockets. They listen on when this router has ended, and no other socket can join their address. */
  readonly managed: boolean;
}

/** The sockets of one listening address, as a new primary would get them. */
interface TransferableSockets {
  /** Undefined if the descriptors cannot be given to another process. */
  readonly descriptors: () => readonly number[] | undefined;
  readonly managed: boolean;
  /** Stops accepting. Called when the new primary has the sockets: from then on, the connections that wait there are its own. */
  readonly release: () => void;
}

/** The listening sockets of a primary: those that it has inherited, and those that it can give to a new primary. */
export class ListeningSockets {
  readonly #inherited: Set<InheritedSockets>;
  readonly #transferable: Map<string, TransferableSockets> = new Map();
  #transferred = false;

  /** Owns the descriptors of the inherited sockets until `takeInherited` or `closeUnclaimed`. */
  constructor(inherited: Iterable<InheritedSockets> = []) {
    this.#inherited = new Set(inherited);
  }

  /** The sockets that were inherited for the address; undefined if there are none. They stay here. */
  inheritedFor(key: string, address: ListenAddress): InheritedSockets | undefined {
    const found = [...this.#inherited].filter(
      (each) => each.key === key || (each.bound && isSameAddress(each.bound, address)),
    );
    const [first] = found;
    return first && { ...first, descriptors: found.flatMap(({ descriptors }) => descriptors) };
  }

  /** As `inheritedFor`, but the caller owns the descriptors from now on. */
  takeInherited(key: string, address: ListenAddress): InheritedSockets | undefined {
    const taken = this.inheritedFor(key, address);
    for (const each of this.#inherited) {
      if (each.descriptors.some((fd) => taken?.descriptors.includes(fd))) this.#inherited.delete(each);
    }
    return taken;
  }

  /** Closes the inherited sockets that were not taken. */
  closeUnclaimed(): void {
    for (const { descriptors } of this.#inherited) for (const fd of descriptors) closeSync(fd);
    this.#inherited.clear();
  }

  register(key: string, sockets: TransferableSockets): void {
    this.#transferable.set(key, sockets);
  }

  unregister(key: string): void {
    this.#transferable.delete(key);
  }

  /** All sockets that a new primary needs; or the key of the first address whose sockets it cannot get. */
  transferable(): InheritedSockets[] | string {
    const all: InheritedSockets[] = [];
    for (const [key, sockets] of this.#transferable) {
      const descriptors = sockets.descriptors();
      if (!descriptors) return key;
      all.push({ key, descriptors, managed: sockets.managed });
    }
    return all;
  }

  /** The new primary has all sockets. An address that is closed here from now on stays open there. */
  transfer(): void {
    this.#transferred = true;
    // A connection that is accepted here would go to an old worker, but its client belongs to a new one.
    for (const { release } of [...this.#transferable.values()]) release();
  }

  /** Removes the file of a unix socket, unless the service manager or a new primary listens there. */
  removeFile(address: ListenAddress, managed: boolean): void {
    if ('path' in address && !managed && !this.#transferred) rmSync(address.path, { force: true });
  }
}

/** The sockets of one listening address, as descriptors that this object owns. */
export class AddressSockets {
  readonly descriptors: readonly number[];
  /** True if the sockets listened before. Connections that wait there belong to the old primary until a worker of this one serves. */
  readonly inherited: boolean;
  readonly #close: () => void;

  private constructor(descriptors: readonly number[], inherited: boolean, close: () => void) {
    this.descriptors = descriptors;
    this.inherited = inherited;
    this.#close = close;
  }

  /**
   * Takes the sockets that were inherited for the address, or binds a new one that no other socket can join. `release` stops accepting:
   * it is called when a new primary has the sockets. Rejects with ERR_LIMPET_ADDRESS_*.
   */
  static async open(
    sockets: ListeningSockets,
    binding: HandoffBinding,
    key: string,
    address: ListenAddress,
    release: () => void,
  ): Promise<AddressSockets> {
    const inherited = sockets.takeInherited(key, address);
    const listen = () => listenAt(address, (numeric) => binding.listenExclusively(numeric, address.backlog));
    const descriptors = inherited?.descriptors ?? [await listen()];
    const managed = inherited?.managed ?? false;
    sockets.register(key, { descriptors: () => descriptors, managed, release });
    return new AddressSockets(descriptors, inherited !== undefined, () => {
      sockets.unregister(key);
      for (const fd of descriptors) binding.close(fd);
      sockets.removeFile(address, managed);
    });
  }

  /**
   * Closes the descriptors. When the last descriptor of a socket closes, the kernel resets the connections that wait there. So close
   * these before the acceptor's duplicates, which accept what waits.
   */
  close(): void {
    this.#close();
  }
}

/** The service manager chose the host. Its sockets are matched by port only. */
function isSameAddress(bound: BoundAddress, address: ListenAddress): boolean {
  if ('path' in bound) return 'path' in address && address.path === bound.path;
  return 'port' in address && address.port === bound.port;
}

/**
 * A handle of a listening socket, as Node's IPC sends it. The handle owns the descriptor. Node does not export the handle's class, so
 * the handle is taken out of a net.Socket.
 */
export function handleOf(fd: number): RawHandle {
  const socket = new Socket({ fd, readable: false, writable: false }) as unknown as {
    _handle: RawHandle | null;
  };
  const handle = socket._handle as RawHandle;
  socket._handle = null;
  return handle;
}
