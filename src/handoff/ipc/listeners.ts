import type { BoundAddress, ListenAddress, RawHandle } from '../../connection.js';
import { type DirectPorts, directAddress, directKey } from '../listen-address.js';
import type { ListeningSockets } from '../listening-sockets.js';
import { sharedClockMs } from './protocol.js';
import { type NamedAddress, RawListener } from './raw-listener.js';

export interface IpcListenersSettings {
  readonly sockets: ListeningSockets;
  /** The name of the sockets in an upgrade. Direct ports have names of their own. */
  readonly key: string;
  /** Not used if there are direct ports. */
  readonly address: ListenAddress;
  /** The ports to listen on instead of `address`. */
  readonly direct?: DirectPorts | undefined;
}

/** Accepts the connections of one ipc listener: at its shared address, or at a direct port for each slot. */
export class IpcListeners {
  readonly #settings: IpcListenersSettings;
  readonly #onConnection: (handle: RawHandle, slot: number | undefined) => void;
  readonly #listeners: RawListener[] = [];
  #accepted = 0;

  /** `onConnection` gets every connection and owns its handle; `slot` is set if the connection came by that slot's direct port. */
  constructor(
    settings: IpcListenersSettings,
    onConnection: (handle: RawHandle, slot: number | undefined) => void,
  ) {
    this.#settings = settings;
    this.#onConnection = onConnection;
  }

  async open(slots: number): Promise<BoundAddress> {
    if (this.#settings.direct) await this.openDirectPorts(slots);
    else this.#listeners.push(await this.#listener(this.#settings, undefined));
    return (this.#listeners[0] as RawListener).bound;
  }

  /** As {@link PrimaryHandoff.openDirectPorts}. */
  async openDirectPorts(slots: number): Promise<void> {
    const { direct, sockets } = this.#settings;
    const before = this.#listeners.length;
    if (!direct) return;
    this.#closeFrom(slots);
    try {
      for (let slot = before; slot < slots; slot++) {
        const on = { sockets, key: directKey(direct, slot), address: directAddress(direct, slot) };
        this.#listeners.push(await this.#listener(on, slot));
      }
    } catch (error) {
      this.#closeFrom(before);
      throw error;
    }
  }

  /** Begins to accept from inherited sockets. */
  start(): void {
    for (const listener of this.#listeners) listener.start();
  }

  /** Accepts what the kernel's queues hold, for at most 1 s, then stops listening. False if nothing was listening. */
  async close(timeoutMs: number): Promise<boolean> {
    const listeners = this.#listeners.splice(0);
    if (listeners.length === 0) return false;
    // libuv accepts some connections in each turn of the event loop. After two turns without a connection the queues are empty.
    const deadline = sharedClockMs() + Math.min(timeoutMs, 1000);
    for (let quiet = 0; quiet < 2 && sharedClockMs() < deadline; ) {
      const before = this.#accepted;
      await new Promise((resolve) => setImmediate(resolve));
      quiet = this.#accepted === before ? quiet + 1 : 0;
    }
    for (const listener of listeners) listener.close();
    return true;
  }

  #listener(on: NamedAddress, slot: number | undefined): Promise<RawListener> {
    return RawListener.open(on, (handle) => {
      this.#accepted += 1;
      this.#onConnection(handle, slot);
    });
  }

  #closeFrom(slot: number): void {
    for (const listener of this.#listeners.splice(slot)) listener.close();
  }
}
