import { acceptMode } from '../../binding/handoff-binding.js';
import type { BoundAddress } from '../../connection.js';
import type { SlotRing } from '../../ring/slot-ring.js';
import type { Acceptor } from '../acceptor.js';
import type { PrimaryHandoff, WorkerEndpoint } from '../contract.js';
import { type DirectPorts, directAddress, directKey } from '../listen-address.js';
import { AddressSockets } from '../listening-sockets.js';

interface OpenPort {
  readonly sockets: AddressSockets;
  /** The acceptor's numbers for its duplicates of the sockets. */
  readonly sources: readonly number[];
  /** Whether a worker of this primary has ever served the port. */
  hasServed: boolean;
}

/**
 * The primary half of direct ports: the acceptor thread passes every connection that comes to a slot's port to that slot. While the slot
 * has no worker, its connections wait in the kernel. When the slot is down, one other slot serves them, the same for all of them.
 */
export class DirectPrimary implements PrimaryHandoff {
  readonly name = 'fd';
  readonly #acceptor: Acceptor;
  readonly #listener: number;
  readonly #ports: DirectPorts;
  /** By slot. */
  readonly #open: OpenPort[] = [];
  /** By slot. */
  readonly #endpoints: (WorkerEndpoint | undefined)[] = [];
  #ring: SlotRing;
  #bound: BoundAddress | undefined;

  constructor(ring: SlotRing, acceptor: Acceptor, listener: number, ports: DirectPorts) {
    this.#ring = ring;
    this.#acceptor = acceptor;
    this.#listener = listener;
    this.#ports = ports;
  }

  async open(): Promise<BoundAddress> {
    await this.openDirectPorts(this.#ring.size);
    return this.#bound as BoundAddress;
  }

  async openDirectPorts(slots: number): Promise<void> {
    this.#closeFrom(slots);
    const before = this.#open.length;
    try {
      for (let slot = before; slot < slots; slot++) {
        const port = await this.#openPort(slot);
        this.#open.push(port);
        this.#bound ??= this.#acceptor.binding.boundAddress(port.sockets.descriptors[0] as number);
      }
    } catch (error) {
      this.#closeFrom(before);
      throw error;
    }
  }

  attach(endpoint: WorkerEndpoint): void {
    this.#acceptor.attach(endpoint, this.#listener);
    this.#endpoints[endpoint.slot] = endpoint;
    this.#updateAcceptModes();
  }

  detach(endpoint: WorkerEndpoint, gone: boolean): void {
    if (!this.#acceptor.detach(endpoint, this.#listener, gone)) return;
    this.#endpoints[endpoint.slot] = undefined;
    this.#updateAcceptModes();
  }

  updateRing(ring: SlotRing): void {
    this.#ring = ring;
    this.#acceptor.updateRing(ring);
    this.#updateAcceptModes();
  }

  received(): void {}

  queued(slot: number): number {
    return this.#acceptor.thread.queued(slot, this.#listener);
  }

  async close(timeoutMs: number): Promise<number> {
    for (const { sockets, sources, hasServed } of this.#open.splice(0)) {
      sockets.close();
      // Connections that wait in inherited sockets belong to the old primary until a worker of this one has served the port.
      if (sockets.inherited && !hasServed) this.#remove(sources, false);
    }
    return this.#acceptor.close(this.#listener, timeoutMs);
  }

  async #openPort(slot: number): Promise<OpenPort> {
    const { binding, thread } = this.#acceptor;
    const sources: number[] = [];
    const sockets = await AddressSockets.open(
      this.#acceptor.sockets,
      binding,
      directKey(this.#ports, slot),
      directAddress(this.#ports, slot),
      () => this.#remove(sources, false),
    );
    sources.push(...sockets.descriptors.map((fd) => thread.add(this.#listener, fd, slot)));
    return { sockets, sources, hasServed: false };
  }

  #updateAcceptModes(): void {
    for (const [slot, port] of this.#open.entries()) {
      const isDown = slot < this.#ring.size && this.#ring.isDown(slot);
      const isServed = isDown
        ? this.#ports.fallback && this.#ring.live > 0
        : this.#endpoints[slot] !== undefined;
      if (isServed) port.hasServed = true;
      for (const source of port.sources) {
        this.#acceptor.thread.serve(source, isServed ? acceptMode.served : acceptMode.held);
      }
    }
  }

  /** Closes the ports of `slot` and of all slots after it. Other slots serve the connections that wait there. */
  #closeFrom(slot: number): void {
    for (const { sockets, sources } of this.#open.splice(slot)) {
      sockets.close();
      this.#remove(sources, true);
    }
  }

  /** Closes the acceptor's duplicates; with `drain`, accepts what waits there first. */
  #remove(sources: readonly number[], drain: boolean): void {
    for (const source of sources) this.#acceptor.thread.remove(source, drain);
  }
}
