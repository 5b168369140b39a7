import type { BoundAddress } from '../../connection.js';
import type { Latencies } from '../../handoff/latencies.js';
import type { SessionCacheCounts } from '../../metrics.js';
import type { HandoffChoice } from './listeners/handoff-choice.js';
import type { RestartCause } from './pool/exit-reason.js';
import type { SlotState } from './pool/lifecycle.js';
import type { Restart } from './pool/restart-backoff.js';

/** A worker process in a slot, or one that drains from it. */
export interface ProcessStatus {
  /** Undefined if no process is in the slot. */
  readonly pid: number | undefined;
  readonly state: SlotState;
  /** The reason of the state, in words for people. */
  readonly reason: string;
  /** When the state began, in ms since the epoch. */
  readonly since: number;
  /** Time since the process was forked, in ms. */
  readonly uptimeMs: number;
  /** True if the process has given no sign of life for `stallTimeoutMs`. */
  readonly stalled: boolean;
  /** Connections open in the process now. With `ipc`: at its last sign of life. */
  readonly open: number;
  /** The delay of the last sign of life, in ms: the event loop was busy for that long before it. */
  readonly lagMs: number;
  /** Resident memory at the last sign of life, in bytes. */
  readonly rssBytes: number;
}

/** A slot and the process in it. Counts include all processes that the slot has had since the router began. */
export interface SlotStatus extends ProcessStatus {
  /** The slot's number, from 0. */
  readonly slot: number;
  /** True while fallback slots serve this slot's clients. */
  readonly down: boolean;
  /** Processes that drain while a newer process has the slot. */
  readonly leaving: readonly ProcessStatus[];
  /** Restarts that nobody asked for: a process ended, and a new one was forked. */
  readonly restarts: number;
  /** All restarts, reloads included, by cause. */
  readonly restartsByCause: Readonly<Partial<Record<RestartCause, number>>>;
  /** The last 20 restarts that nobody asked for, oldest first. */
  readonly lastRestarts: readonly Restart[];
  /** The part of all buckets whose home is this slot, 0 to 1. */
  readonly share: number;
  /** The part of all connections so far that came to this slot, 0 to 1. */
  readonly realShare: number;
  /** Connections that came to the slot's processes. */
  readonly accepted: number;
  /** Connections that the primary passed to the slot. With `fd` and `ipc`: all. With `kernel`: only connections that no worker accepted itself. */
  readonly handed: number;
  /** Connections among `handed` whose home is another slot, which was down. */
  readonly diverted: number;
  /** For the connections in `handed`: the time from the choice of the slot until the process took the connection. */
  readonly latency: Readonly<Latencies>;
  /** Connections that the kernel sent to this slot although the ring says another: a foreign socket shares the address. */
  readonly missteered: number;
  /** Connections that were open in processes of the slot when they died. */
  readonly lost: number;
  /** Connections that wait in the primary for the slot. */
  readonly queued: number;
  /** Connections that were closed unserved, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  /** Times that a process made connections wait because it was short of descriptors. */
  readonly starved: number;
  /** Hits, misses and invalidations of the session caches in the slot's processes. */
  readonly sessionCache: SessionCacheCounts;
}

/** An address that the router listens on. */
export interface ListenerStatus {
  /** Undefined until the address is bound. */
  readonly address: BoundAddress | undefined;
  readonly handoff: HandoffChoice;
  /** The direct ports, if this listener has them. `address` is that of slot 0; the port of slot n is n higher. */
  readonly direct?: { readonly address: BoundAddress | undefined; readonly handoff: HandoffChoice };
}

/** The router's state as plain data: what `limpet status --json` prints. It is read in the primary; no worker is asked. */
export interface RouterStatus {
  /** The process id of the primary. */
  readonly pid: number;
  /** The name by which the `limpet` command finds the router. */
  readonly name: string | undefined;
  /** `serving` from when the first slot serves. */
  readonly state: 'starting' | 'serving' | 'closing' | 'closed';
  /** Time since the router was made, in ms. */
  readonly uptimeMs: number;
  /** The rules in their order, as in `cookie, header x-user, address`. */
  readonly affinity: string;
  /** The handoff of the first listener. */
  readonly handoff: HandoffChoice | undefined;
  /** `native` if the addon computes hash and ring, `twin` if the TypeScript implementation does. The reason is in words for people. */
  readonly binding: { readonly kind: string; readonly reason: string };
  /** The numbers of buckets and slots. */
  readonly ring: { readonly buckets: number; readonly slots: number };
  /** In the order in which they were asked for. */
  readonly listeners: readonly ListenerStatus[];
  /** The path at which each worker says whether it serves. Undefined without the option. */
  readonly healthPath?: string;
  /** All slots. A slot that was taken away is listed while its processes drain. */
  readonly slots: readonly SlotStatus[];
  /** Connections that were closed before a slot was chosen for them, by reason. */
  readonly unplaced: Readonly<Record<string, number>>;
  /** Connections that were open in processes when they died, in all slots so far. Not counted with `ipc`. */
  readonly lost: number;
}

/** The ring, bucket by bucket. */
export interface RingStatus {
  /** The number of slots. */
  readonly slots: number;
  /** For each bucket, its home: the slot that serves it while all slots are up. */
  readonly homes: readonly number[];
  /** For each bucket, the slot that serves it now; -1 when no slot is up. */
  readonly owners: readonly number[];
  /** The slots that are down. Fallback slots serve their buckets. */
  readonly down: readonly number[];
}
