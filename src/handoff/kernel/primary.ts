import { acceptMode, type ReuseportGroup, type SteeringTable } from '../../binding/handoff-binding.js';
import type { BoundAddress, ListenAddress, RawHandle } from '../../connection.js';
import { LimpetError } from '../../errors.js';
import type { SlotRing } from '../../ring/slot-ring.js';
import { type Acceptor, type AcceptorListener, sameTable } from '../acceptor.js';
import type { HandoffMessage, PrimaryHandoff, WorkerEndpoint } from '../contract.js';
import { listenAt } from '../listen-address.js';
import { handleOf } from '../listening-sockets.js';

/**
 * The kernel chooses: each slot has a listening socket, all on one address, and the steering program, which is the ring's homes
 * compiled, picks the one that a connection waits in. A worker accepts from its slot's socket. The primary holds every socket as
 * long as the router lives, and touches one only while nobody accepts from it: then the acceptor passes what waits there to the
 * fallbacks.
 *
 *     primary → worker   { accept } + the listening socket    these are yours
 *                        { pause }                            others serve them now; leave the socket
 *                        { close }                            the router closes: take what still waits, then leave the socket
 *     worker → primary   { closed }
 */

/** A retired slot's socket is kept so long: who was about to connect through it, or to be counted back in, still can. */
const retireAfterMs = 60_000;

interface SlotSocket {
  readonly slot: number;
  /** The acceptor's number of its copy. */
  readonly source: number;
  /** The copy that is sent to workers. */
  readonly handle: RawHandle;
  /** Whether the seated process was told to accept. */
  accepting: boolean;
  retiredAt: number | undefined;
}

export class KernelPrimary implements PrimaryHandoff {
  readonly name = 'kernel';
  readonly #acceptor: Acceptor;
  readonly #listener: number;
  readonly #key: string;
  readonly #address: ListenAddress;
  readonly #sockets: SlotSocket[] = [];
  /** By slot: also of a slot that is about to be added to the ring and has no socket yet. */
  readonly #endpoints: (WorkerEndpoint | undefined)[] = [];
  readonly #closing: Map<WorkerEndpoint, () => void> = new Map();
  #ring: SlotRing;
  #group: ReuseportGroup | undefined;
  #steered: Uint16Array;
  /** Steered by the primary that had the sockets before, until a process of ours is seated. */
  #inherited = false;
  #retiring: NodeJS.Timeout | undefined;

  constructor(ring: SlotRing, acceptor: Acceptor, { listener, key, address }: AcceptorListener) {
    this.#ring = ring;
    this.#steered = ring.homeTable();
    this.#acceptor = acceptor;
    this.#listener = listener;
    this.#key = key;
    this.#address = address;
  }

  async open(): Promise<BoundAddress> {
    const { binding, sockets } = this.#acceptor;
    const { backlog } = this.#address;
    if ('path' in this.#address) throw unsupported('a unix-domain client has no address to steer by');
    try {
      const given = sockets.takeInherited(this.#key, this.#address);
      const own = given && Int32Array.from(given.descriptors);
      const group = own
        ? new binding.ReuseportGroup({ descriptors: own }, this.#ring.size, backlog)
        : await listenAt(
            this.#address,
            (numeric) => new binding.ReuseportGroup(numeric, this.#ring.size, backlog, this.#table()),
          );
      this.#group = group;
      this.#inherited = given !== undefined;
      this.#addSockets(group);
      const descriptors = () => Array.from({ length: group.size }, (_, slot) => group.descriptor(slot));
      sockets.register(this.#key, { descriptors, managed: false, release: () => this.#release() });
      return binding.boundAddress(group.descriptor(0));
    } catch (error) {
      this.#release();
      throw error instanceof LimpetError
        ? error
        : unsupported(steeringRefusal(error as NodeJS.ErrnoException), error);
    }
  }

  /** Throws ERR_LIMPET_NATIVE when sockets that were given cannot be steered by our ring. */
  attach(endpoint: WorkerEndpoint): void {
    if (this.#inherited && this.#group) {
      this.#steer(this.#group, this.#ring.homeTable());
      this.#inherited = false;
      this.#retire();
    }
    const first = this.#endpoints.every((each) => each === undefined);
    this.#acceptor.attach(endpoint, this.#listener);
    this.#endpoints[endpoint.slot] = endpoint;
    for (const socket of this.#sockets) {
      if (socket.slot === endpoint.slot) socket.accepting = false;
      if (socket.slot === endpoint.slot || first) this.#serve(socket);
    }
  }

  detach(endpoint: WorkerEndpoint, gone: boolean): void {
    this.#closing.get(endpoint)?.();
    if (!this.#acceptor.detach(endpoint, this.#listener, gone)) return;
    this.#endpoints[endpoint.slot] = undefined;
    const socket = this.#sockets[endpoint.slot];
    if (!socket) return;
    socket.accepting = false;
    this.#serve(socket);
  }

  /** Throws ERR_LIMPET_NATIVE when the kernel cannot be given the new ring; it then steers by the old one. */
  updateRing(ring: SlotRing): void {
    this.#ring = ring;
    this.#acceptor.updateRing(ring);
    if (!this.#group) return;
    const homes = ring.homeTable();
    if (!this.#inherited && !sameTable(homes, this.#steered)) this.#steer(this.#group, homes);
    for (const socket of this.#sockets) this.#serve(socket);
    this.#retire();
  }

  received(endpoint: WorkerEndpoint, message: HandoffMessage): void {
    if (message.closed) this.#closing.get(endpoint)?.();
  }

  queued(slot: number): number {
    return this.#acceptor.thread.queued(slot, this.#listener);
  }

  async close(timeoutMs: number): Promise<number> {
    clearTimeout(this.#retiring);
    // What waits there is not ours to take when nobody of ours has served.
    if (this.#inherited) this.#release();
    const startedAt = performance.now();
    const accepting = this.#sockets.flatMap(({ slot, accepting }) =>
      accepting ? (this.#endpoints[slot] ?? []) : [],
    );
    const emptied = Promise.all(
      accepting.map(
        (endpoint) =>
          new Promise<void>((resolve) => {
            this.#closing.set(endpoint, resolve);
            if (!endpoint.send({ close: true })) resolve();
          }),
      ),
    );
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([emptied, late]);
    clearTimeout(timer);
    const left = this.#acceptor.close(
      this.#listener,
      Math.max(0, timeoutMs - (performance.now() - startedAt)),
    );
    this.#release();
    return left;
  }

  /** Who takes what waits in the slot's socket: its process, or the fallbacks, or for a while nobody. Never two of them. */
  #serve(socket: SlotSocket): void {
    const { thread } = this.#acceptor;
    const { slot, source } = socket;
    const endpoint = this.#endpoints[slot];
    const down = slot >= this.#ring.size || this.#ring.isDown(slot);
    if (down && this.#ring.live > 0) {
      if (socket.accepting) endpoint?.send({ pause: true });
      socket.accepting = false;
      thread.serve(source, acceptMode.served);
    } else if (endpoint) {
      thread.serve(source, acceptMode.held);
      if (!socket.accepting) socket.accepting = endpoint.send({ accept: true }, socket.handle);
    } else if (this.#ring.live > 1 && this.#endpoints.some((each) => each)) {
      thread.serve(source, acceptMode.watched, this.#ownersWithout(slot));
    } else {
      thread.serve(source, acceptMode.held);
    }
  }

  /** The ring's owners, as if the slot were down already. */
  #ownersWithout(slot: number): Uint16Array {
    return this.#ring.ownerTable().map((owner, bucket) => {
      return owner === slot ? this.#ring.fallbackOf(bucket) : owner;
    });
  }

  #steer(group: ReuseportGroup, homes: Uint16Array): void {
    try {
      group.resize(this.#ring.size, this.#table());
      this.#steered = homes;
    } catch (error) {
      throw new LimpetError(
        'ERR_LIMPET_NATIVE',
        `the kernel did not take the changed ring: ${steeringRefusal(error as NodeJS.ErrnoException)}. It steers by the old one.`,
        { slots: this.#ring.size },
        error,
      );
    } finally {
      this.#addSockets(group);
    }
  }

  #addSockets(group: ReuseportGroup): void {
    const { binding, thread } = this.#acceptor;
    while (this.#sockets.length < group.size) {
      const slot = this.#sockets.length;
      const fd = group.descriptor(slot);
      const handle = handleOf(binding.duplicate(fd));
      const source = thread.add(this.#listener, fd);
      this.#sockets.push({
        slot,
        source,
        handle,
        accepting: false,
        retiredAt: undefined,
      });
    }
  }

  /** The acceptor empties retired sockets; those at the end of the group, alone in having no successor, are closed in time. */
  #retire(): void {
    const now = performance.now();
    for (const socket of this.#sockets) {
      socket.retiredAt = socket.slot < this.#ring.size ? undefined : (socket.retiredAt ?? now);
    }
    for (let last = this.#sockets.at(-1); last; last = this.#sockets.at(-1)) {
      if (this.#endpoints[last.slot] || last.retiredAt === undefined || now - last.retiredAt < retireAfterMs)
        break;
      this.#acceptor.thread.remove(last.source, true);
      last.handle.close();
      this.#sockets.pop();
      this.#group?.removeLast();
    }
    clearTimeout(this.#retiring);
    if (this.#sockets.every(({ retiredAt }) => retiredAt === undefined)) return;
    this.#retiring = setTimeout(() => this.#retire(), retireAfterMs);
    this.#retiring.unref();
  }

  #release(): void {
    this.#acceptor.sockets.unregister(this.#key);
    for (const { handle, source } of this.#sockets.splice(0)) {
      this.#acceptor.thread.remove(source, false);
      handle.close();
    }
    this.#group?.close();
    this.#group = undefined;
  }

  #table(): SteeringTable {
    const { key, ipv6Prefix } = this.#ring;
    return { key, ipv6Prefix, homes: this.#ring.homeTable() };
  }
}

function unsupported(reason: string, cause?: unknown): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_HANDOFF_UNSUPPORTED',
    `handoff kernel cannot be had: ${reason}. Use 'auto', which takes the next best, or 'fd'.`,
    { handoff: 'kernel', reason },
    cause,
  );
}

/** Why the kernel refuses to steer, and what would help. */
export function steeringRefusal(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOMEM':
      return 'the steering program is larger than net.core.optmem_max allows (sysctl -w net.core.optmem_max=131072)';
    case 'ENOPROTOOPT':
      return 'this kernel has no SO_ATTACH_REUSEPORT_CBPF (Linux 4.6 and later have)';
    case 'ENOTSUP':
      return 'only Linux has SO_ATTACH_REUSEPORT_CBPF';
    case 'E2BIG':
      return 'so many buckets and slots make a program of more than 4,096 instructions (1,024 buckets fit any number of slots)';
    default:
      return `${error.syscall ?? 'a system call'} says ${error.code ?? error.message}`;
  }
}
