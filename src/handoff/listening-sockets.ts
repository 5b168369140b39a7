import { closeSync, rmSync } from 'node:fs';
import type { HandoffBinding } from '../binding/handoff-binding.js';
import type { BoundAddress, ListenAddress } from '../connection.js';
import { listenAt } from './listen-address.js';

/** Sockets that listened before this primary began: its predecessor's, or the service manager's. */
export interface GivenSockets {
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
interface Kept {
  /** Undefined where the descriptors cannot be given to another process. */
  readonly descriptors: () => readonly number[] | undefined;
  readonly managed: boolean;
  /** Takes nothing more: called when a successor has them, since what waits there is its to take from that moment on. */
  readonly letGo: () => void;
}

/** The listening sockets of a primary: those that it was given, and those that it could give to a successor. */
export class Sockets {
  readonly #given: Set<GivenSockets>;
  readonly #kept: Map<string, Kept> = new Map();
  #givenOn = false;

  constructor(given: Iterable<GivenSockets> = []) {
    this.#given = new Set(given);
  }

  /** What was given for the address; undefined when nothing was. */
  givenFor(key: string, address: ListenAddress): GivenSockets | undefined {
    const found = [...this.#given].filter(
      (each) => each.key === key || (each.bound && serves(each.bound, address)),
    );
    const [first] = found;
    return first && { ...first, descriptors: found.flatMap(({ descriptors }) => descriptors) };
  }

  /** The same, which the caller owns from now on. */
  take(key: string, address: ListenAddress): GivenSockets | undefined {
    const given = this.givenFor(key, address);
    for (const each of this.#given) {
      if (each.descriptors.some((fd) => given?.descriptors.includes(fd))) this.#given.delete(each);
    }
    return given;
  }

  /** Closes what was given and never asked for. */
  closeRest(): void {
    for (const { descriptors } of this.#given) for (const fd of descriptors) closeSync(fd);
    this.#given.clear();
  }

  keep(key: string, kept: Kept): void {
    this.#kept.set(key, kept);
  }

  forget(key: string): void {
    this.#kept.delete(key);
  }

  /** All that a successor needs, or the key of an address that it cannot be given. */
  toGiveOn(): GivenSockets[] | string {
    const all: GivenSockets[] = [];
    for (const [key, { descriptors, managed }] of this.#kept) {
      const own = descriptors();
      if (!own) return key;
      all.push({ key, descriptors: own, managed });
    }
    return all;
  }

  /** A successor has them all: what is closed here from now on listens on there. */
  giveOn(): void {
    this.#givenOn = true;
    // By what this primary knows of its own processes, their clients would go to the wrong ones.
    for (const { letGo } of [...this.#kept.values()]) letGo();
  }

  /** Removes the file of a unix-domain socket that was this router's own. */
  removeFile(address: ListenAddress, managed: boolean): void {
    if ('path' in address && !managed && !this.#givenOn) rmSync(address.path, { force: true });
  }
}

/** One listening address that is this process's by descriptor. */
export class OpenSockets {
  readonly descriptors: readonly number[];
  /** Whether somebody listened before us: whoever waits there is theirs, until we serve. */
  readonly given: boolean;
  readonly #close: () => void;

  private constructor(descriptors: readonly number[], given: boolean, close: () => void) {
    this.descriptors = descriptors;
    this.given = given;
    this.#close = close;
  }

  /** Those that were given for the address, or a new one, alone on it; `letGo` as of {@link Kept}. Rejects with ERR_LIMPET_ADDRESS_*. */
  static async open(
    sockets: Sockets,
    binding: HandoffBinding,
    key: string,
    address: ListenAddress,
    letGo: () => void,
  ): Promise<OpenSockets> {
    const given = sockets.take(key, address);
    const listen = () => listenAt(address, (numeric) => binding.listenAlone(numeric, address.backlog));
    const descriptors = given?.descriptors ?? [await listen()];
    const managed = given?.managed ?? false;
    sockets.keep(key, { descriptors: () => descriptors, managed, letGo });
    return new OpenSockets(descriptors, given !== undefined, () => {
      sockets.forget(key);
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
function serves(bound: BoundAddress, address: ListenAddress): boolean {
  if ('path' in bound) return 'path' in address && address.path === bound.path;
  return 'port' in address && address.port === bound.port;
}
