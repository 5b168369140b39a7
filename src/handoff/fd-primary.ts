import { rmSync } from 'node:fs';
import { service } from '../binding/handoff-binding.js';
import type { CompiledChain } from '../binding/twin/head-calls.js';
import type { BoundAddress, ListenAddress } from '../connection.js';
import type { SlotRing } from '../ring/slot-ring.js';
import type { PrimaryHandoff, Seat } from './contract.js';
import type { Exchange, ExchangeListener } from './exchange.js';
import { listenAt } from './numeric-address.js';

/**
 * The acceptor thread accepts, and passes each connection's descriptor through the channel of the slot that serves it. No
 * JavaScript runs in the primary for a connection.
 */
export class FdPrimary implements PrimaryHandoff {
  readonly name = 'fd';
  readonly #exchange: Exchange;
  readonly #listener: number;
  readonly #address: ListenAddress;
  readonly #chain: CompiledChain | undefined;
  #source = -1;
  #served = false;

  constructor(exchange: Exchange, { listener, address, chain }: ExchangeListener) {
    this.#exchange = exchange;
    this.#listener = listener;
    this.#address = address;
    this.#chain = chain;
  }

  async open(): Promise<BoundAddress> {
    const { binding, acceptor } = this.#exchange;
    const { backlog } = this.#address;
    const fd = await listenAt(this.#address, (numeric) => binding.listenAlone(numeric, backlog));
    try {
      if (this.#chain) acceptor.placeBy(this.#listener, this.#chain);
      this.#source = acceptor.add(this.#listener, fd);
      return binding.boundAddress(fd);
    } finally {
      binding.close(fd);
    }
  }

  seat(seat: Seat): void {
    this.#exchange.seat(seat, this.#listener);
    if (this.#served) return;
    this.#served = true;
    this.#exchange.acceptor.serve(this.#source, service.served);
  }

  unseat(seat: Seat, gone: boolean): void {
    this.#exchange.unseat(seat, this.#listener, gone);
  }

  retable(ring: SlotRing): void {
    this.#exchange.retable(ring);
  }

  received(): void {}

  queued(slot: number): number {
    return this.#exchange.acceptor.queued(slot, this.#listener);
  }

  async close(timeoutMs: number): Promise<number> {
    if ('path' in this.#address && this.#source >= 0) rmSync(this.#address.path, { force: true });
    return this.#exchange.close(this.#listener, timeoutMs);
  }
}
