import { acceptMode } from '../../binding/handoff-binding.js';
import type { BoundAddress } from '../../connection.js';
import type { SlotRing } from '../../ring/slot-ring.js';
import type { Acceptor } from '../acceptor.js';
import type { PrimaryHandoff, WorkerEndpoint } from '../contract.js';
import { type DirectPorts, directAddress, directKey } from '../listen-address.js';
import { AddressSockets } from '../listening-sockets.js';

/**
 * The direct ports, by descriptor: the acceptor passes all that comes to a slot's port to that slot. While nobody sits there, it waits
 * in the kernel; once the slot is down, one other slot, the same for all of it, serves it.
 */
export class DirectPrimary implements PrimaryHandoff {
  readonly name = 'fd';
  readonly #acceptor: Acceptor;
  readonly #listener: number;
  readonly #ports: DirectPorts;
  /** Each slot's sockets, and the acceptor's numbers of them. */
  readonly #open: {
    readonly sockets: AddressSockets;
    readonly sources: readonly number[];
    served: boolean;
  }[] = [];
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
    const { binding, thread, sockets } = this.#acceptor;
    this.#closeFrom(slots);
    const before = this.#open.length;
    try {
      for (let slot = before; slot < slots; slot++) {
        const address = directAddress(this.#ports, slot);
        const sources: number[] = [];
        const release = () => {
          for (const source of sources) thread.remove(source, false);
        };
        const own = await AddressSockets.open(
          sockets,
          binding,
          directKey(this.#ports, slot),
          address,
          release,
        );
        sources.push(...own.descriptors.map((fd) => thread.add(this.#listener, fd, slot)));
        this.#open.push({ sockets: own, sources, served: false });
        this.#bound ??= binding.boundAddress(own.descriptors[0] as number);
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
    for (const { sockets, sources, served } of this.#open.splice(0)) {
      sockets.close();
      // What waits there is not ours to take when nobody of ours has served.
      if (sockets.inherited && !served) this.#remove(sources, false);
    }
    return this.#acceptor.close(this.#listener, timeoutMs);
  }

  #updateAcceptModes(): void {
    for (const [slot, open] of this.#open.entries()) {
      const down = slot < this.#ring.size && this.#ring.isDown(slot);
      const served = down ? this.#ports.fallback && this.#ring.live > 0 : this.#endpoints[slot] !== undefined;
      if (served) open.served = true;
      for (const source of open.sources) {
        this.#acceptor.thread.serve(source, served ? acceptMode.served : acceptMode.held);
      }
    }
  }

  /** What waits is served by the others. */
  #closeFrom(slot: number): void {
    for (const { sockets, sources } of this.#open.splice(slot)) {
      sockets.close();
      this.#remove(sources, true);
    }
  }

  #remove(sources: readonly number[], drain: boolean): void {
    for (const source of sources) this.#acceptor.thread.remove(source, drain);
  }
}
