import type { Socket } from 'node:net';

/** Tells connections that came by a slot's own port by their local end: nothing has to travel with them. */
export class DirectPort {
  readonly #base: number;
  readonly #slot: number;
  readonly #shared: number;

  /** `slot` is this process's, `shared` the port of all. */
  constructor(base: number, slot: number, shared: number) {
    this.#base = base;
    this.#slot = slot;
    this.#shared = shared;
  }

  /** Whether whoever connected has chosen the slot. */
  isDirect({ localPort }: Socket): boolean {
    return localPort !== undefined && localPort !== this.#shared;
  }

  /** Whether it chose another slot, for which this one stands in. */
  isOtherSlots(socket: Socket): boolean {
    return this.isDirect(socket) && socket.localPort !== this.#base + this.#slot;
  }
}
