import { closeSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import type { HandoffBinding } from '../binding/handoff-binding.js';
import type { BoundAddress, ListenAddress, RawHandle } from '../connection.js';
import { listenAt } from './listen-address.js';

/** Sockets that listened before this primary began: its predecessor's, or the service manager's. */
export interface InheritedSockets {
  /** What the predecessor called them. */
  readonly key?: string;
  /** Where they listen, where no key says what they are for. */
  readonly bound?: BoundAddress;
  /** Those of one address: several where it has a socket for each slot. */
  readonly descriptors: readonly number[];
  /** Whether they are the service manager's: they listen on when this router is gone, and nobody may join them. */
  readonly managed: boolean;
}

/** A listening address that could be given on. */
interface TransferableSockets {
  /** Undefined where the descriptors cannot be given to another process. */
  readonly descriptors: () => readonly number[] | undefined;
  readonly managed: boolean;
  /** Takes nothing more: called when a successor has them, since what waits there is its to take from that moment on. */
  readonly release: () => void;
}

/** The listening sockets of a primary: those that it was given, and those that it could give to a successor. */
export class ListeningSockets {
  readonly #inherited: Set<InheritedSockets>;
  readonly #kept: Map<string, TransferableSockets> = new Map();
  #transferred = false;

  constructor(given: Iterable<InheritedSockets> = []) {
    this.#inherited = new Set(given);
  }

  /** What was given for the address; undefined when nothing was. */
  inheritedFor(key: string, address: ListenAddress): InheritedSockets | undefined {
    const found = [...this.#inherited].filter(
      (each) => each.key === key || (each.bound && isSameAddress(each.bound, address)),
    );
    const [first] = found;
    return first && { ...first, descriptors: found.flatMap(({ descriptors }) => descriptors) };
  }

  /** The same, which the caller owns from now on. */
  takeInherited(key: string, address: ListenAddress): InheritedSockets | undefined {
    const given = this.inheritedFor(key, address);
    for (const each of this.#inherited) {
      if (each.descriptors.some((fd) => given?.descriptors.includes(fd))) this.#inherited.delete(each);
    }
    return given;
  }

  /** Closes what was given and never asked for. */
  closeUnclaimed(): void {
    for (const { descriptors } of this.#inherited) for (const fd of descriptors) closeSync(fd);
    this.#inherited.clear();
  }

  register(key: string, kept: TransferableSockets): void {
    this.#kept.set(key, kept);
  }

  unregister(key: string): void {
    this.#kept.delete(key);
  }

  /** All that a successor needs, or the key of an address that it cannot be given. */
  transferable(): InheritedSockets[] | string {
    const all: InheritedSockets[] = [];
    for (const [key, { descriptors, managed }] of this.#kept) {
      const own = descriptors();
      if (!own) return key;
      all.push({ key, descriptors: own, managed });
    }
    return all;
  }

  /** A successor has them all: what is closed here from now on listens on there. */
  transfer(): void {
    this.#transferred = true;
    // By what this primary knows of its own processes, their clients would go to the wrong ones.
    for (const { release } of [...this.#kept.values()]) release();
  }

  /** Removes the file of a unix-domain socket that was this router's own. */
  removeFile(address: ListenAddress, managed: boolean): void {
    if ('path' in address && !managed && !this.#transferred) rmSync(address.path, { force: true });
  }
}

/** One listening address that is this process's by descriptor. */
export class AddressSockets {
  readonly descriptors: readonly number[];
  /** Whether somebody listened before us: whoever waits there is theirs, until we serve. */
  readonly inherited: boolean;
  readonly #close: () => void;

  private constructor(descriptors: readonly number[], given: boolean, close: () => void) {
    this.descriptors = descriptors;
    this.inherited = given;
    this.#close = close;
  }

  /** Those that were given for the address, or a new one, alone on it; `release` as of {@link TransferableSockets}. Rejects with ERR_LIMPET_ADDRESS_*. */
  static async open(
    sockets: ListeningSockets,
    binding: HandoffBinding,
    key: string,
    address: ListenAddress,
    release: () => void,
  ): Promise<AddressSockets> {
    const given = sockets.takeInherited(key, address);
    const listen = () => listenAt(address, (numeric) => binding.listenExclusively(numeric, address.backlog));
    const descriptors = given?.descriptors ?? [await listen()];
    const managed = given?.managed ?? false;
    sockets.register(key, { descriptors: () => descriptors, managed, release });
    return new AddressSockets(descriptors, given !== undefined, () => {
      sockets.unregister(key);
      for (const fd of descriptors) binding.close(fd);
      sockets.removeFile(address, managed);
    });
  }

  /** The last process to close a socket resets what waits in it: close these before the acceptor's. */
  close(): void {
    this.#close();
  }
}

/** The service manager chose the host: whoever asks for the port means its socket. */
function isSameAddress(bound: BoundAddress, address: ListenAddress): boolean {
  if ('path' in bound) return 'path' in address && address.path === bound.path;
  return 'port' in address && address.port === bound.port;
}

/** The handle of a listening socket, as Node's IPC sends it: net keeps the class to itself, so it is read off a net.Socket. Owns the descriptor. */
export function handleOf(fd: number): RawHandle {
  const socket = new Socket({ fd, readable: false, writable: false }) as unknown as {
    _handle: RawHandle | null;
  };
  const handle = socket._handle as RawHandle;
  socket._handle = null;
  return handle;
}
