import { service } from '../../binding/handoff-binding.js';
import type { CompiledChain } from '../../binding/typescript/head-calls.js';
import type { BoundAddress, ListenAddress } from '../../connection.js';
import type { SlotRing } from '../../ring/slot-ring.js';
import type { Exchange, ExchangeListener } from '../acceptor.js';
import type { PrimaryHandoff, Seat } from '../contract.js';
import { OpenSockets } from '../listening-sockets.js';

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
  readonly #key: string;
  #sockets: OpenSockets | undefined;
  readonly #sources: number[] = [];
  #served = false;

  constructor(exchange: Exchange, { listener, key, address, chain }: ExchangeListener) {
    this.#exchange = exchange;
    this.#listener = listener;
    this.#key = key;
    this.#address = address;
    this.#chain = chain;
  }

  async open(): Promise<BoundAddress> {
    const { binding, acceptor, sockets } = this.#exchange;
    this.#sockets = await OpenSockets.open(sockets, binding, this.#key, this.#address, () => this.#letGo());
    if (this.#chain) acceptor.placeBy(this.#listener, this.#chain);
    const { descriptors } = this.#sockets;
    this.#sources.push(...descriptors.map((fd) => acceptor.add(this.#listener, fd)));
    return binding.boundAddress(descriptors[0] as number);
  }

  seat(seat: Seat): void {
    this.#exchange.seat(seat, this.#listener);
    if (this.#served) return;
    this.#served = true;
    for (const source of this.#sources) this.#exchange.acceptor.serve(source, service.served);
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
    // What waits there is not ours to take when nobody of ours has served.
    if (this.#sockets?.given && !this.#served) {
      this.#letGo();
    }
    this.#sockets?.close();
    return this.#exchange.close(this.#listener, timeoutMs);
  }

  #letGo(): void {
    for (const source of this.#sources) this.#exchange.acceptor.remove(source, false);
  }
}
