import type { ReuseportGroup, SteeringTable } from '../../binding/handoff-binding.js';
import type { BoundAddress, RawHandle } from '../../connection.js';
import { publish } from '../../diagnostics.js';
import { LimpetError } from '../../errors.js';
import type { SlotRing } from '../../ring/slot-ring.js';
import { type Acceptor, type AcceptorListener, isSameTable } from '../acceptor.js';
import { listenAt } from '../listen-address.js';
import { handleOf } from '../listening-sockets.js';
import { steeringRefusal, unsupportedKernel } from './steering-refusal.js';

/** From the removal of a slot to the end of its socket. In this time clients can finish their handshakes, and the slot can come back. */
const retireAfterMs = 60_000;

export interface SlotSocket {
  readonly slot: number;
  /** The acceptor's number for its duplicate. */
  readonly source: number;
  /** The duplicate that is sent to workers. */
  readonly handle: RawHandle;
  /** Whether the slot's worker was told to accept. */
  accepting: boolean;
  /** When the slot was removed, in ms of `performance.now()`; undefined while the ring has the slot. */
  retiredAt: number | undefined;
}

/** The listening sockets of one `kernel` listener, one for each slot: a reuseport group with its steering program. */
export class SlotSockets {
  readonly bound: BoundAddress;
  readonly #acceptor: Acceptor;
  readonly #on: AcceptorListener;
  readonly #hasWorker: (slot: number) => boolean;
  readonly #sockets: SlotSocket[] = [];
  #ring: SlotRing;
  /** Undefined when the sockets were released. */
  #group: ReuseportGroup | undefined;
  /** The homes in this primary's steering program. */
  #steered: Uint16Array;
  #isInherited: boolean;
  /** The number of sockets before the last change of the program. */
  #lengthBefore = 0;
  #retiring: NodeJS.Timeout | undefined;

  private constructor(
    acceptor: Acceptor,
    on: AcceptorListener,
    ring: SlotRing,
    hasWorker: (slot: number) => boolean,
    group: ReuseportGroup,
    inherited: boolean,
  ) {
    this.#acceptor = acceptor;
    this.#on = on;
    this.#ring = ring;
    this.#hasWorker = hasWorker;
    this.#group = group;
    this.#steered = ring.homeTable();
    this.#isInherited = inherited;
    try {
      this.#addMissing(group);
      const descriptors = () => Array.from({ length: group.size }, (_, slot) => group.descriptor(slot));
      acceptor.sockets.register(on.key, { descriptors, managed: false, release: () => this.release() });
      this.bound = acceptor.binding.boundAddress(group.descriptor(0));
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /**
   * Takes the sockets that were inherited for the address, or binds new ones. Rejects with ERR_LIMPET_ADDRESS_* or
   * ERR_LIMPET_HANDOFF_UNSUPPORTED, and then holds no descriptor.
   */
  static async open(
    acceptor: Acceptor,
    on: AcceptorListener,
    ring: SlotRing,
    hasWorker: (slot: number) => boolean,
  ): Promise<SlotSockets> {
    const { ReuseportGroup: Group } = acceptor.binding;
    const { key, address } = on;
    try {
      const inherited = acceptor.sockets.takeInherited(key, address);
      const descriptors = inherited && Int32Array.from(inherited.descriptors);
      const group = descriptors
        ? new Group({ descriptors }, ring.size, address.backlog)
        : await listenAt(address, (numeric) => new Group(numeric, ring.size, address.backlog, tableOf(ring)));
      return new SlotSockets(acceptor, on, ring, hasWorker, group, inherited !== undefined);
    } catch (error) {
      if (error instanceof LimpetError) throw error;
      throw unsupportedKernel(steeringRefusal(error as NodeJS.ErrnoException), error);
    }
  }

  /** True while the old primary's program steers: from `open` to the first `takeOver`. */
  get isInherited(): boolean {
    return this.#isInherited;
  }

  [Symbol.iterator](): IterableIterator<SlotSocket> {
    return this.#sockets.values();
  }

  at(slot: number): SlotSocket | undefined {
    return this.#sockets[slot];
  }

  /** Replaces the old primary's program, if the sockets are inherited. Throws as `steer`. */
  takeOver(): void {
    if (!this.#isInherited || !this.#group) return;
    this.#replaceProgram(this.#group, this.#ring);
    this.#isInherited = false;
    this.retire();
  }

  /**
   * Replaces the program if the homes have changed, and adds a socket for each new slot. Inherited sockets keep the old primary's program
   * until `takeOver`. Throws ERR_LIMPET_NATIVE if the kernel refuses the program: it then steers by the old one.
   */
  steer(ring: SlotRing): void {
    this.#ring = ring;
    if (!this.#group || this.#isInherited || isSameTable(ring.homeTable(), this.#steered)) return;
    this.#replaceProgram(this.#group, ring);
  }

  /**
   * Adds a socket for each new slot of `next`, and lets the kernel steer by it. `steer` with the same ring, or `abort`, follows at once.
   * Throws ERR_LIMPET_NATIVE if the kernel refuses: sockets and program are then as before.
   */
  prepare(next: SlotRing): void {
    if (this.#group && !this.#isInherited) this.#replaceProgram(this.#group, next);
  }

  /** Undoes `prepare`. What came to the new sockets in between is accepted and passed on. */
  abort(): void {
    const group = this.#group;
    if (!group || this.#isInherited) return;
    const length = this.#lengthBefore;
    try {
      this.#replaceProgram(group, this.#ring);
    } catch (error) {
      publish('limpet:fault', () => ({ where: 'steering program', error }));
    }
    while (this.#sockets.length > length) this.#closeLast();
  }

  /**
   * Closes the sockets whose slots were removed from the ring at least 60 s ago and have no worker. Until then the acceptor accepts from
   * them. When a socket of a reuseport group closes, Linux moves the group's last socket to its place, and the program would choose
   * wrong. So only the last socket of the group can be closed.
   */
  retire(): void {
    const now = performance.now();
    for (const socket of this.#sockets) {
      socket.retiredAt = socket.slot < this.#ring.size ? undefined : (socket.retiredAt ?? now);
    }
    for (let last = this.#sockets.at(-1); last; last = this.#sockets.at(-1)) {
      const { slot, retiredAt } = last;
      if (this.#hasWorker(slot) || retiredAt === undefined || now - retiredAt < retireAfterMs) break;
      this.#closeLast();
    }
    this.stopRetiring();
    if (this.#sockets.every(({ retiredAt }) => retiredAt === undefined)) return;
    this.#retiring = setTimeout(() => this.retire(), retireAfterMs);
    this.#retiring.unref();
  }

  stopRetiring(): void {
    clearTimeout(this.#retiring);
  }

  /** Closes all sockets; what waits in them is not accepted here. A second call is a no-op. */
  release(): void {
    this.#acceptor.sockets.unregister(this.#on.key);
    for (const { handle, source } of this.#sockets.splice(0)) {
      this.#acceptor.thread.remove(source, false);
      handle.close();
    }
    this.#group?.close();
    this.#group = undefined;
  }

  #replaceProgram(group: ReuseportGroup, ring: SlotRing): void {
    const table = tableOf(ring);
    this.#lengthBefore = group.size;
    try {
      group.resize(ring.size, table);
      this.#steered = table.homes;
    } catch (error) {
      // A resize that is refused may have added sockets. The kernel has not chosen them for any connection.
      while (group.size > this.#lengthBefore) group.removeLast();
      throw new LimpetError(
        'ERR_LIMPET_NATIVE',
        `the kernel does not take a ring of ${ring.size} slots: ${steeringRefusal(error as NodeJS.ErrnoException)}. It steers by the old one.`,
        { slots: ring.size },
        error,
      );
    }
    this.#addMissing(group);
  }

  #closeLast(): void {
    const last = this.#sockets.pop();
    if (!last) return;
    this.#acceptor.thread.remove(last.source, true);
    last.handle.close();
    this.#group?.removeLast();
  }

  #addMissing(group: ReuseportGroup): void {
    const { binding, thread } = this.#acceptor;
    while (this.#sockets.length < group.size) {
      const slot = this.#sockets.length;
      const fd = group.descriptor(slot);
      const handle = handleOf(binding.duplicate(fd));
      const source = thread.add(this.#on.listener, fd);
      this.#sockets.push({ slot, source, handle, accepting: false, retiredAt: undefined });
    }
  }
}

function tableOf(ring: SlotRing): SteeringTable {
  const { key, ipv6Prefix } = ring;
  return { key, ipv6Prefix, homes: ring.homeTable() };
}
