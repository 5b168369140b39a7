import { acceptMode } from '../../binding/handoff-binding.js';
import type { BoundAddress } from '../../connection.js';
import type { SlotRing } from '../../ring/slot-ring.js';
import type { Acceptor, AcceptorListener } from '../acceptor.js';
import type { HandoffMessage, PrimaryHandoff, WorkerEndpoint } from '../contract.js';
import { type SlotSocket, SlotSockets } from './slot-sockets.js';
import { unsupportedKernel } from './steering-refusal.js';

/**
 * The primary half of kernel: the kernel chooses the slot. Each slot has a listening socket on the same address. The steering program,
 * which is the table of the ring's homes in BPF, chooses the socket for each connection. A worker accepts from its slot's socket.
 *
 * The primary holds every socket as long as the router lives. Its acceptor accepts from a socket only while no worker does, and passes
 * the connections to the fallbacks.
 *
 *     primary → worker   { accept } + the listening socket    accept from this socket
 *                        { pause }                            fallbacks serve the slot now: stop accepting
 *                        { close }                            the router closes: accept what still waits, then stop
 *     worker → primary   { closed }                           done
 */
export class KernelPrimary implements PrimaryHandoff {
  readonly name = 'kernel';
  readonly #acceptor: Acceptor;
  readonly #on: AcceptorListener;
  /** By slot. A worker may be attached to a slot that the ring does not have yet. */
  readonly #endpoints: (WorkerEndpoint | undefined)[] = [];
  /** For each worker that was told to close: ends the wait for its answer. */
  readonly #closing: Map<WorkerEndpoint, () => void> = new Map();
  #ring: SlotRing;
  #sockets: SlotSockets | undefined;

  constructor(ring: SlotRing, acceptor: Acceptor, on: AcceptorListener) {
    this.#ring = ring;
    this.#acceptor = acceptor;
    this.#on = on;
  }

  async open(): Promise<BoundAddress> {
    if ('path' in this.#on.address) {
      throw unsupportedKernel('a unix-domain client has no address to steer by');
    }
    const hasWorker = (slot: number) => this.#endpoints[slot] !== undefined;
    this.#sockets = await SlotSockets.open(this.#acceptor, this.#on, this.#ring, hasWorker);
    return this.#sockets.bound;
  }

  /** Throws ERR_LIMPET_NATIVE if the kernel refuses to steer inherited sockets by this ring. The worker is then not attached. */
  attach(endpoint: WorkerEndpoint): void {
    this.#sockets?.takeOver();
    const isFirst = this.#endpoints.every((each) => each === undefined);
    this.#acceptor.attach(endpoint, this.#on.listener);
    this.#endpoints[endpoint.slot] = endpoint;
    for (const socket of this.#sockets ?? []) {
      if (socket.slot === endpoint.slot) socket.accepting = false;
      if (socket.slot === endpoint.slot || isFirst) this.#serve(socket);
    }
  }

  detach(endpoint: WorkerEndpoint, gone: boolean): void {
    this.#closing.get(endpoint)?.();
    if (!this.#acceptor.detach(endpoint, this.#on.listener, gone)) return;
    this.#endpoints[endpoint.slot] = undefined;
    const socket = this.#sockets?.at(endpoint.slot);
    if (!socket) return;
    socket.accepting = false;
    this.#serve(socket);
  }

  prepareResize(next: SlotRing): void {
    this.#sockets?.prepare(next);
  }

  abortResize(): void {
    this.#sockets?.abort();
  }

  /** Throws ERR_LIMPET_NATIVE if the kernel refuses a ring that was not prepared: it then steers by the old one. */
  updateRing(ring: SlotRing): void {
    this.#ring = ring;
    this.#acceptor.updateRing(ring);
    this.#sockets?.steer(ring);
    for (const socket of this.#sockets ?? []) this.#serve(socket);
    this.#sockets?.retire();
  }

  received(endpoint: WorkerEndpoint, message: HandoffMessage): void {
    if (message.closed) this.#closing.get(endpoint)?.();
  }

  queued(slot: number): number {
    return this.#acceptor.thread.queued(slot, this.#on.listener);
  }

  async close(timeoutMs: number): Promise<number> {
    this.#sockets?.stopRetiring();
    // Connections that wait in inherited sockets belong to the old primary until a worker of this one is attached.
    if (this.#sockets?.isInherited) this.#sockets.release();
    const startedAt = performance.now();
    await this.#workersClosed(timeoutMs);
    const left = this.#acceptor.close(
      this.#on.listener,
      Math.max(0, timeoutMs - (performance.now() - startedAt)),
    );
    this.#sockets?.release();
    return left;
  }

  /** Tells the accepting workers to close. Resolves when all have answered or exited, or after `timeoutMs`. */
  async #workersClosed(timeoutMs: number): Promise<void> {
    const accepting = [...(this.#sockets ?? [])].flatMap(({ slot, accepting }) =>
      accepting ? (this.#endpoints[slot] ?? []) : [],
    );
    const closed = accepting.map(
      (endpoint) =>
        new Promise<void>((resolve) => {
          this.#closing.set(endpoint, resolve);
          if (!endpoint.send({ close: true })) resolve();
        }),
    );
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([Promise.all(closed), late]);
    clearTimeout(timer);
  }

  /** Decides who accepts from the slot's socket: its worker, or the acceptor for the fallbacks, or nobody for a while. Never two of them. */
  #serve(socket: SlotSocket): void {
    const { thread } = this.#acceptor;
    const { slot, source } = socket;
    const endpoint = this.#endpoints[slot];
    const isDown = slot >= this.#ring.size || this.#ring.isDown(slot);
    if (isDown && this.#ring.live > 0) {
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

  /** The owners that the ring would have if the slot were down. */
  #ownersWithout(slot: number): Uint16Array {
    return this.#ring.ownerTable().map((owner, bucket) => {
      return owner === slot ? this.#ring.fallbackOf(bucket) : owner;
    });
  }
}
