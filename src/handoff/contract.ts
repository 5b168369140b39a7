/**
 * A handoff brings a connection from the listening socket to a worker. Each handoff has two halves: {@link PrimaryHandoff} in the
 * primary, {@link WorkerHandoff} in each worker. Only the ring says which slot serves which client. A handoff keeps no other routing
 * state.
 */
import type { BoundAddress, RawHandle } from '../connection.js';
import type { SlotRing } from '../ring/slot-ring.js';

/** How a connection gets from the listening socket to the worker. */
export type HandoffName = 'kernel' | 'fd' | 'ipc';

/** A message between the two halves of one handoff: plain JSON, which the cluster passes on unread. */
export type HandoffMessage = Readonly<Record<string, unknown>>;

/** A worker process in its slot, as the primary half of a handoff sees it. */
export interface WorkerEndpoint {
  readonly slot: number;
  /** The index of the worker's counters in the shared memory. Only this worker writes them. */
  readonly workerIndex: number;
  /** Sends to the worker half of the same listener. False if the channel is closed. The caller keeps ownership of `handle`. */
  send(message: HandoffMessage, handle?: RawHandle): boolean;
}

export interface PrimaryHandoff {
  readonly name: HandoffName;
  /**
   * Binds and listens. Accepts nothing until the first worker is attached.
   * Rejects with ERR_LIMPET_ADDRESS_IN_USE, _ADDRESS_DENIED, _ADDRESS_UNAVAILABLE or ERR_LIMPET_HANDOFF_UNSUPPORTED,
   * and then holds no descriptor.
   */
  open(): Promise<BoundAddress>;
  /** The worker is ready for this listener. From now on it gets the connections of its slot. */
  attach(endpoint: WorkerEndpoint): void;
  /**
   * The worker takes no new connections: it drains, or it has exited (`gone`). The connections of its slot wait for the next worker in
   * the slot. When the ring says that the slot is down, they go to its fallback. Connections that were sent to the worker and that it
   * has not taken are passed on: none is lost, none is served twice.
   */
  detach(endpoint: WorkerEndpoint, gone: boolean): void;
  /** The ring's owners changed: a slot went down or came up, or the ring was resized. */
  updateRing(ring: SlotRing): void;
  /**
   * First step of a change of the number of slots: gets all that `next`, the ring with the new number, needs. `updateRing` or
   * `abortResize` follows in the same turn of the event loop. Throws ERR_LIMPET_NATIVE; then everything is as before. Not there:
   * the handoff needs nothing.
   */
  prepareResize?(next: SlotRing): void;
  /** The change does not happen, because another handoff could not prepare it: everything is as before. Never throws. */
  abortResize?(): void;
  /**
   * Only for handoffs with direct ports. Opens the missing ports of the first `slots` slots, and closes the ports of all other slots;
   * connections that wait at a closed port are served. Rejects as `open` does; the ports that were open before stay open.
   */
  openDirectPorts?(slots: number): Promise<void>;
  /** A message from the worker half. */
  received(endpoint: WorkerEndpoint, message: HandoffMessage, handle?: RawHandle): void;
  /** The number of connections that the primary has accepted and that wait for the slot. */
  queued(slot: number): number;
  /**
   * Accepts what is in the kernel's queue, then stops listening. Resolves when no connection is queued here, or after `timeoutMs`. The
   * result is the number of connections that were then closed unserved.
   */
  close(timeoutMs: number): Promise<number>;
}

export interface WorkerHandoff {
  /** A message from the primary half. */
  received(message: HandoffMessage, handle?: RawHandle): void;
  /** Takes no new connections from now on. Calls `done` when every connection that was taken has reached the sink. */
  stop(done: () => void): void;
  /** Undoes `stop`: the worker that was to take over has exited. The primary attaches this worker again. */
  resume(): void;
}
