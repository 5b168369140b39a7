/**
 * A handoff is how a connection gets from the listening socket to the worker. Each one has two halves that
 * share these verbs: {@link PrimaryHandoff} beside the listening socket, {@link WorkerHandoff} in each
 * worker. The ring is the one truth about who serves whom: a handoff holds no routing state of its own
 * that the ring does not tell it.
 */
import type { BoundAddress, RawHandle } from '../connection.js';
import type { SlotRing } from '../ring/slot-ring.js';

/** How a connection gets from the listening socket to the worker. */
export type HandoffName = 'kernel' | 'fd' | 'ipc';

/** What travels between the two halves of one handoff; plain JSON, opaque to the cluster. */
export type HandoffMessage = Readonly<Record<string, unknown>>;

/** One worker process in its slot, as the primary half of a handoff sees it. */
export interface WorkerEndpoint {
  readonly slot: number;
  /** The workerIndex of the shared page that this process alone writes. */
  readonly workerIndex: number;
  /** Sends to the worker half of the same listener. False when the channel is closed. Ownership of `handle` stays here. */
  send(message: HandoffMessage, handle?: RawHandle): boolean;
}

export interface PrimaryHandoff {
  readonly name: HandoffName;
  /**
   * Binds and listens; nothing is accepted before the first endpoint.
   * Rejects with ERR_LIMPET_ADDRESS_IN_USE, _ADDRESS_DENIED, _ADDRESS_UNAVAILABLE or ERR_LIMPET_HANDOFF_UNSUPPORTED,
   * and then holds no descriptor.
   */
  open(): Promise<BoundAddress>;
  /** The process is ready for this listener: connections of its slot flow to it from now on. */
  attach(endpoint: WorkerEndpoint): void;
  /**
   * The process takes nothing new (it drains, or it is gone): connections of its slot wait for the next endpoint, or, once the ring
   * says that the slot is down, go to its fallback. What was sent and not yet taken is passed on, never lost, never served twice.
   */
  detach(endpoint: WorkerEndpoint, gone: boolean): void;
  /** The ring's owners changed (a slot went down or came up, or the ring was resized). */
  updateRing(ring: SlotRing): void;
  /**
   * Where each slot has a port of its own: opens those that are missing among the first `slots`, and closes the others, whose
   * waiting connections are served. Rejects as `open` does; then those that there were are left.
   */
  openDirectPorts?(slots: number): Promise<void>;
  /** A message from the worker half. */
  received(endpoint: WorkerEndpoint, message: HandoffMessage, handle?: RawHandle): void;
  /** Connections accepted by the primary that wait for the slot. */
  queued(slot: number): number;
  /**
   * Stops listening after what is in the kernel's queue was accepted; resolves when nothing is queued here any more, or after
   * `timeoutMs`, with the number of connections that were then closed unserved.
   */
  close(timeoutMs: number): Promise<number>;
}

export interface WorkerHandoff {
  /** A message from the primary half. */
  received(message: HandoffMessage, handle?: RawHandle): void;
  /** Takes nothing new from now on; `done` when that is certain (what was taken has reached the sink). */
  stop(done: () => void): void;
  /** Undoes a stop: who was to take over is gone. The primary endpoints the process anew. */
  resume(): void;
}
