import type { BoundAddress, RawHandle } from '../../connection.js';
import { directAddress, directKey } from '../listen-address.js';
import { sharedClockMs } from './protocol.js';
import { RawListener } from './raw-listener.js';
import type { IpcSettings } from './settings.js';

/** Where the connections of ipc come in: by the shared address, or by a port for each slot. */
export class IpcListeners {
  readonly #settings: IpcSettings;
  readonly #arrived: (handle: RawHandle, slot: number | undefined) => void;
  readonly #listeners: RawListener[] = [];
  #accepted = 0;

  /** `arrived` gets every connection, and owns it; with the slot where it came by the slot's own port. */
  constructor(settings: IpcSettings, arrived: (handle: RawHandle, slot: number | undefined) => void) {
    this.#settings = settings;
    this.#arrived = arrived;
  }

  async open(slots: number): Promise<BoundAddress> {
    if (this.#settings.direct) await this.openDirectPorts(slots);
    else this.#listeners.push(await this.#listener(this.#settings, undefined));
    return (this.#listeners[0] as RawListener).bound;
  }

  /** See {@link PrimaryHandoff.provide}. */
  async openDirectPorts(slots: number): Promise<void> {
    const { direct, sockets } = this.#settings;
    const before = this.#listeners.length;
    if (!direct) return;
    this.#closeFrom(slots);
    try {
      for (let slot = before; slot < slots; slot++) {
        const where = { sockets, key: directKey(direct, slot), address: directAddress(direct, slot) };
        this.#listeners.push(await this.#listener(where, slot));
      }
    } catch (error) {
      this.#closeFrom(before);
      throw error;
    }
  }

  start(): void {
    for (const listener of this.#listeners) listener.start();
  }

  /** Stops listening after what is in the kernel's queue was accepted; false where nothing listened any more. */
  async close(timeoutMs: number): Promise<boolean> {
    const listeners = this.#listeners.splice(0);
    if (listeners.length === 0) return false;
    // libuv takes connections from the kernel's queue turn by turn: it is empty when two turns in a workerIndex brought none.
    const deadline = sharedClockMs() + Math.min(timeoutMs, 1000);
    for (let quiet = 0; quiet < 2 && sharedClockMs() < deadline; ) {
      const before = this.#accepted;
      await new Promise((resolve) => setImmediate(resolve));
      quiet = this.#accepted === before ? quiet + 1 : 0;
    }
    for (const listener of listeners) listener.close();
    return true;
  }

  #listener(where: Parameters<typeof RawListener.open>[0], slot: number | undefined): Promise<RawListener> {
    return RawListener.open(where, (handle) => {
      this.#accepted += 1;
      this.#arrived(handle, slot);
    });
  }

  #closeFrom(slot: number): void {
    for (const listener of this.#listeners.splice(slot)) listener.close();
  }
}
