import type { Refusal } from '../../binding/typescript/affinity-chain.js';
import { parseAddress } from '../../binding/typescript/ip-address.js';
import type { BoundAddress, RawHandle } from '../../connection.js';
import type { SlotRing } from '../../ring/slot-ring.js';
import type { HandoffMessage, PrimaryHandoff, WorkerEndpoint } from '../contract.js';
import { InFlight, type QueuedConnection } from './in-flight.js';
import { IpcListeners, type IpcListenersSettings } from './listeners.js';
import { PendingHeads, type PendingSettings, type Placement } from './pending-heads.js';
import { sharedClockMs, type ToPrimary, type ToWorker } from './protocol.js';
import { SlotChoice, type SlotChoiceSettings } from './slot-choice.js';
import { SlotQueues, type SlotQueuesSettings } from './slot-queues.js';

export interface IpcSettings extends IpcListenersSettings, SlotChoiceSettings, SlotQueuesSettings {
  /** The slot's worker has taken a connection, `latencyMs` after its client was known. */
  readonly taken: (slot: number, latencyMs: number) => void;
  /** How connections are placed by what their clients send. If undefined, connections are placed by their address. */
  readonly pending?: PendingSettings | undefined;
  /** A connection was closed before it could be placed. */
  readonly rejected: (refusal: Refusal) => void;
}

/** The primary half of ipc, the handoff that works on every system: accepts, and sends each raw handle over Node's IPC. */
export class IpcPrimary implements PrimaryHandoff {
  readonly name = 'ipc';
  readonly #settings: IpcSettings;
  readonly #listeners: IpcListeners;
  readonly #heads: PendingHeads | undefined;
  readonly #choice: SlotChoice;
  readonly #queues: SlotQueues;
  readonly #inFlight: InFlight = new InFlight();
  readonly #peer: { address?: string; port?: number } = {};
  #ring: SlotRing;
  #onEmptied: (() => void) | undefined;

  constructor(ring: SlotRing, settings: IpcSettings) {
    this.#ring = ring;
    this.#settings = settings;
    this.#choice = new SlotChoice(ring, settings, () => this.#loads());
    this.#queues = new SlotQueues(ring, settings, this.#choice, this.#inFlight);
    this.#listeners = new IpcListeners(settings, (handle, slot) => this.#accepted(handle, slot));
    if (settings.pending) {
      this.#heads = new PendingHeads(
        settings.pending,
        (handle, placement) => this.#placed(handle, placement),
        (refusal) => {
          settings.rejected(refusal);
          this.#resolveEmptied();
        },
      );
    }
  }

  async open(): Promise<BoundAddress> {
    const bound = await this.#listeners.open(this.#ring.size);
    this.#inFlight.startProbing();
    return bound;
  }

  openDirectPorts(slots: number): Promise<void> {
    return this.#listeners.openDirectPorts(slots);
  }

  attach(endpoint: WorkerEndpoint): void {
    this.#queues.attach(endpoint);
    this.#inFlight.attach(endpoint);
    this.#listeners.start();
    this.#queues.send(endpoint.slot);
  }

  detach(endpoint: WorkerEndpoint, gone: boolean): void {
    this.#queues.detach(endpoint);
    if (!gone) return;
    this.#queues.addAll(this.#inFlight.detach(endpoint));
    this.#resolveEmptied();
  }

  updateRing(ring: SlotRing): void {
    this.#ring = ring;
    this.#choice.updateRing(ring);
    this.#queues.updateRing(ring);
  }

  received(endpoint: WorkerEndpoint, message: HandoffMessage): void {
    const { took, returned, mayTake, reached, closed } = message as ToPrimary;
    if (took !== undefined) {
      const connection = this.#inFlight.remove(endpoint, took);
      if (connection) this.#taken(endpoint, connection);
      this.#inFlight.countOpen(endpoint, 1);
    } else if (returned !== undefined) {
      const connection = this.#inFlight.remove(endpoint, returned);
      if (connection) this.#queues.add(connection);
    } else if (mayTake !== undefined) {
      this.#answerMayTake(endpoint, mayTake);
    } else if (closed !== undefined) {
      this.#inFlight.countOpen(endpoint, -closed);
    } else if (reached !== undefined) {
      this.#queues.addAll(this.#inFlight.removeLost(endpoint, reached));
    }
    this.#queues.send(endpoint.slot);
    this.#resolveEmptied();
  }

  queued(slot: number): number {
    return this.#queues.count(slot);
  }

  async close(timeoutMs: number): Promise<number> {
    if (!(await this.#listeners.close(timeoutMs))) return 0;
    this.#heads?.drop(false);
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#onEmptied = resolve;
      timer = setTimeout(resolve, timeoutMs);
      this.#resolveEmptied();
    });
    clearTimeout(timer);
    this.#inFlight.stopProbing();
    const left = (this.#heads?.drop(true) ?? 0) + this.#queues.closeAll();
    this.#inFlight.closeAll();
    return left;
  }

  /** With a slot: the connection came by the slot's direct port. */
  #accepted(handle: RawHandle, slot: number | undefined): void {
    if (slot === undefined && this.#heads) {
      this.#peer.address = '';
      handle.getpeername?.(this.#peer);
      // The client of a unix socket is `::`.
      const peer = parseAddress(this.#peer.address.split('%')[0] as string) ?? new Uint8Array(16);
      this.#heads.admit(handle, peer, this.#peer.port ?? 0);
      return;
    }
    const { hash, pinned } = slot === undefined ? this.#choice.byPeer(handle) : this.#choice.byPort(slot);
    this.#queues.add({ handle, hash, pinned, placedAt: sharedClockMs(), sentAt: 0 });
  }

  #placed(handle: RawHandle, placement: Placement): void {
    const { hash, pinned } = this.#choice.byPlacement(placement);
    const { client, read } = placement;
    this.#queues.add({ handle, hash, pinned, client, read, placedAt: sharedClockMs(), sentAt: 0 });
    this.#resolveEmptied();
  }

  #answerMayTake(endpoint: WorkerEndpoint, seq: number): void {
    const connection = this.#inFlight.remove(endpoint, seq);
    // A worker that drains would exit before the answer arrives.
    const granted = connection !== undefined && this.#queues.isAttached(endpoint);
    if (granted) {
      this.#taken(endpoint, connection);
      this.#inFlight.countOpen(endpoint, 1);
    } else if (connection) this.#queues.add(connection);
    endpoint.send((granted ? { take: seq } : { drop: seq }) satisfies ToWorker);
  }

  #taken(endpoint: WorkerEndpoint, { handle, placedAt }: QueuedConnection): void {
    handle.close();
    this.#settings.taken(endpoint.slot, sharedClockMs() - placedAt);
  }

  /** For each slot, the connections that are open or on their way there; infinite for a slot that is down. */
  #loads(): number[] {
    const loads = Array.from({ length: this.#ring.size }, (_, slot) =>
      this.#ring.isDown(slot) ? Number.POSITIVE_INFINITY : this.queued(slot),
    );
    this.#inFlight.addTo(loads);
    return loads;
  }

  #resolveEmptied(): void {
    if (!this.#onEmptied) return;
    const pending = this.#heads?.size ?? 0;
    if (pending === 0 && this.#queues.isEmpty && this.#inFlight.isEmpty) this.#onEmptied();
  }
}
