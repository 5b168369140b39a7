import { service } from '../../binding/handoff-binding.js';
import type { BoundAddress } from '../../connection.js';
import type { SlotRing } from '../../ring/slot-ring.js';
import type { Exchange } from '../acceptor.js';
import type { PrimaryHandoff, Seat } from '../contract.js';
import { type DirectPorts, directAddress, directKey } from '../direct-ports.js';
import { OpenSockets } from '../listening-sockets.js';

/**
 * The direct ports, by descriptor: the acceptor passes all that comes to a slot's port to that slot. While nobody sits there, it waits
 * in the kernel; once the slot is down, one other slot, the same for all of it, serves it.
 */
export class DirectPrimary implements PrimaryHandoff {
  readonly name = 'fd';
  readonly #exchange: Exchange;
  readonly #listener: number;
  readonly #ports: DirectPorts;
  /** Each slot's sockets, and the acceptor's numbers of them. */
  readonly #open: { readonly sockets: OpenSockets; readonly sources: readonly number[]; served: boolean }[] =
    [];
  readonly #seats: (Seat | undefined)[] = [];
  #ring: SlotRing;
  #bound: BoundAddress | undefined;

  constructor(ring: SlotRing, exchange: Exchange, listener: number, ports: DirectPorts) {
    this.#ring = ring;
    this.#exchange = exchange;
    this.#listener = listener;
    this.#ports = ports;
  }

  async open(): Promise<BoundAddress> {
    await this.provide(this.#ring.size);
    return this.#bound as BoundAddress;
  }

  async provide(slots: number): Promise<void> {
    const { binding, acceptor, sockets } = this.#exchange;
    this.#closeFrom(slots);
    const before = this.#open.length;
    try {
      for (let slot = before; slot < slots; slot++) {
        const address = directAddress(this.#ports, slot);
        const sources: number[] = [];
        const letGo = () => {
          for (const source of sources) acceptor.remove(source, false);
        };
        const own = await OpenSockets.open(sockets, binding, directKey(this.#ports, slot), address, letGo);
        sources.push(...own.descriptors.map((fd) => acceptor.add(this.#listener, fd, slot)));
        this.#open.push({ sockets: own, sources, served: false });
        this.#bound ??= binding.boundAddress(own.descriptors[0] as number);
      }
    } catch (error) {
      this.#closeFrom(before);
      throw error;
    }
  }

  seat(seat: Seat): void {
    this.#exchange.seat(seat, this.#listener);
    this.#seats[seat.slot] = seat;
    this.#serveAll();
  }

  unseat(seat: Seat, gone: boolean): void {
    if (!this.#exchange.unseat(seat, this.#listener, gone)) return;
    this.#seats[seat.slot] = undefined;
    this.#serveAll();
  }

  retable(ring: SlotRing): void {
    this.#ring = ring;
    this.#exchange.retable(ring);
    this.#serveAll();
  }

  received(): void {}

  queued(slot: number): number {
    return this.#exchange.acceptor.queued(slot, this.#listener);
  }

  async close(timeoutMs: number): Promise<number> {
    for (const { sockets, sources, served } of this.#open.splice(0)) {
      sockets.close();
      // What waits there is not ours to take when nobody of ours has served.
      if (sockets.given && !served) this.#remove(sources, false);
    }
    return this.#exchange.close(this.#listener, timeoutMs);
  }

  #serveAll(): void {
    for (const [slot, open] of this.#open.entries()) {
      const down = slot < this.#ring.size && this.#ring.isDown(slot);
      const served = down ? this.#ports.fallback && this.#ring.live > 0 : this.#seats[slot] !== undefined;
      if (served) open.served = true;
      for (const source of open.sources) {
        this.#exchange.acceptor.serve(source, served ? service.served : service.held);
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
    for (const source of sources) this.#exchange.acceptor.remove(source, drain);
  }
}
