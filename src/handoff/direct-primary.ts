import { service } from '../binding/handoff-binding.js';
import type { BoundAddress } from '../connection.js';
import type { SlotRing } from '../ring/slot-ring.js';
import type { PrimaryHandoff, Seat } from './contract.js';
import { type DirectPorts, directAddress } from './direct-ports.js';
import type { Exchange } from './exchange.js';
import { listenAt } from './numeric-address.js';

/**
 * The direct ports, by descriptor: the acceptor passes all that comes to a slot's port to that slot. While nobody sits there, it waits
 * in the kernel; once the slot is down, one other slot, the same for all of it, serves it.
 */
export class DirectPrimary implements PrimaryHandoff {
  readonly name = 'fd';
  readonly #exchange: Exchange;
  readonly #listener: number;
  readonly #ports: DirectPorts;
  /** The acceptor's number of each slot's socket. */
  readonly #sources: number[] = [];
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
    const { binding, acceptor } = this.#exchange;
    this.#closeFrom(slots);
    const before = this.#sources.length;
    try {
      for (let slot = before; slot < slots; slot++) {
        const address = directAddress(this.#ports, slot);
        const fd = await listenAt(address, (numeric) => binding.listenAlone(numeric, address.backlog));
        this.#sources.push(acceptor.add(this.#listener, fd, slot));
        this.#bound ??= binding.boundAddress(fd);
        binding.close(fd);
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
    return this.#exchange.close(this.#listener, timeoutMs);
  }

  #serveAll(): void {
    for (const [slot, source] of this.#sources.entries()) {
      const down = slot < this.#ring.size && this.#ring.isDown(slot);
      const served = down ? this.#ports.fallback && this.#ring.live > 0 : this.#seats[slot] !== undefined;
      this.#exchange.acceptor.serve(source, served ? service.served : service.held);
    }
  }

  /** What waits is served by the others. */
  #closeFrom(slot: number): void {
    for (const source of this.#sources.splice(slot)) this.#exchange.acceptor.remove(source, true);
  }
}
