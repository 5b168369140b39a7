import { acceptMode } from '../../binding/handoff-binding.js';
import type { CompiledChain } from '../../binding/typescript/head-calls.js';
import type { BoundAddress, ListenAddress } from '../../connection.js';
import type { SlotRing } from '../../ring/slot-ring.js';
import type { Acceptor, AcceptorListener } from '../acceptor.js';
import type { PrimaryHandoff, WorkerEndpoint } from '../contract.js';
import { AddressSockets } from '../listening-sockets.js';

/**
 * The primary half of fd: the acceptor thread accepts, and passes the descriptor of each connection through the channel of the slot that
 * serves it. No JavaScript runs in the primary for a connection.
 */
export class FdPrimary implements PrimaryHandoff {
  readonly name = 'fd';
  readonly #acceptor: Acceptor;
  readonly #listener: number;
  readonly #address: ListenAddress;
  readonly #chain: CompiledChain | undefined;
  readonly #key: string;
  #sockets: AddressSockets | undefined;
  /** The acceptor's numbers for its duplicates of the sockets. */
  readonly #sources: number[] = [];
  #isServing = false;

  constructor(acceptor: Acceptor, { listener, key, address, chain }: AcceptorListener) {
    this.#acceptor = acceptor;
    this.#listener = listener;
    this.#key = key;
    this.#address = address;
    this.#chain = chain;
  }

  async open(): Promise<BoundAddress> {
    const { binding, thread, sockets } = this.#acceptor;
    this.#sockets = await AddressSockets.open(sockets, binding, this.#key, this.#address, () =>
      this.#release(),
    );
    if (this.#chain) thread.setAffinity(this.#listener, this.#chain);
    const { descriptors } = this.#sockets;
    this.#sources.push(...descriptors.map((fd) => thread.add(this.#listener, fd)));
    return binding.boundAddress(descriptors[0] as number);
  }

  attach(endpoint: WorkerEndpoint): void {
    this.#acceptor.attach(endpoint, this.#listener);
    if (this.#isServing) return;
    this.#isServing = true;
    for (const source of this.#sources) this.#acceptor.thread.serve(source, acceptMode.served);
  }

  detach(endpoint: WorkerEndpoint, gone: boolean): void {
    this.#acceptor.detach(endpoint, this.#listener, gone);
  }

  updateRing(ring: SlotRing): void {
    this.#acceptor.updateRing(ring);
  }

  received(): void {}

  queued(slot: number): number {
    return this.#acceptor.thread.queued(slot, this.#listener);
  }

  async close(timeoutMs: number): Promise<number> {
    // Connections that wait in inherited sockets belong to the old primary until a worker of this one is attached.
    if (this.#sockets?.inherited && !this.#isServing) {
      this.#release();
    }
    this.#sockets?.close();
    return this.#acceptor.close(this.#listener, timeoutMs);
  }

  /** Closes the acceptor's duplicates and accepts nothing more. */
  #release(): void {
    for (const source of this.#sources) this.#acceptor.thread.remove(source, false);
  }
}
