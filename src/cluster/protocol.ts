import { deserialize } from 'node:v8';
import type { CookieSettings } from '../affinity/cookie.js';
import type { AffinityChain } from '../binding/typescript/affinity-chain.js';
import type { Ipv6Prefix } from '../binding/typescript/client-key.js';
import type { BoundAddress, ListenAddress, RawHandle } from '../connection.js';
import type { HandoffMessage, HandoffName } from '../handoff/contract.js';
import type { SessionCacheCounts } from '../metrics.js';

/**
 * The protocol between the primary and a worker. {@link WorkerMessage} and {@link PrimaryMessage} are all messages that exist.
 *
 * They travel on Node's IPC channel with `cmd: 'NODE_LIMPET'`. Node emits a message whose cmd begins with `NODE_` as
 * 'internalMessage' and never as 'message'. The app's own IPC and the events of `cluster` therefore see none of them.
 *
 *     worker                      primary
 *     adopt     ────────────────►          only if the app forked the process itself
 *               ◄────────────────  adopted
 *     listen    ────────────────►          for each listen() of the app
 *               ◄────────────────  bound, or unbound
 *     open      ────────────────►          for each listener that is bound
 *               ◄────────────────  stop    to the process that served the slot before, if there is one
 *     stopped   ────────────────►          from that process
 *               ◄────────────────  assigned
 *     handoff   ◄───────────────►  handoff while connections come
 *     beat      ────────────────►          from the start to the end
 *               ◄────────────────  peers   when a process or the ring changes
 *               ◄────────────────  notice, then drain
 *     leaving   ────────────────►          the answer to drain, or because the app closed its server
 */

/** From a worker to the primary. */
export type WorkerMessage =
  /** The app forked this process itself: it needs a slot. The answer is `adopted`. */
  | { type: 'adopt' }
  /** The app called listen(). The answer is `bound` or `unbound`. `key` is the listener's {@link ListenerKeys} key. */
  | { type: 'listen'; key: string; address: ListenAddress; server: ServerTraits }
  /** The server is ready to get connections of this listener. */
  | { type: 'open'; listener: number }
  /** From the worker's half of a handoff to the primary's half. */
  | { type: 'handoff'; listener: number; body: HandoffMessage }
  /** The heartbeat. `debugger`: a debugger is attached and may hold the process. */
  | ({ type: 'beat'; debugger: boolean } & WorkerVitals)
  /** No listener of this process accepts connections any more. The answer to `stop`; also sent after `leaving`. */
  | { type: 'stopped' }
  /** The process drains: it was told to, the app closed its server, or it got SIGTERM. */
  | { type: 'leaving'; reason: string };

/** From the primary to a worker. */
export type PrimaryMessage =
  /** The slot of a process that the app forked. A process that limpet forked has the same in its environment. */
  | { type: 'adopted'; slot: number; pass: WorkerSettings }
  /** The listener is bound: the worker makes its half of the handoff and opens its server. */
  | {
      type: 'bound';
      key: string;
      listener: number;
      address: BoundAddress;
      handoff: HandoffName;
      /** The listener of the direct ports, if this server serves them too. Slot n has the port `base` + n. */
      direct: { readonly listener: number; readonly handoff: HandoffName; readonly base: number } | undefined;
      settings: ListenSettings;
    }
  /** The listener cannot be bound. `code` and `text` are those of the LimpetError. */
  | { type: 'unbound'; key: string; code: string; text: string }
  /** The process serves its slot from now on: it gets the connections of the slot's clients. */
  | { type: 'assigned' }
  /** From the primary's half of a handoff to the worker's half. */
  | { type: 'handoff'; listener: number; body: HandoffMessage }
  /** Which process serves which slot now. Sent only if requests may have to be forwarded. */
  | { type: 'peers'; table: PeerTable }
  /** The slot will soon be taken away: serve on, but answer health checks with 503. */
  | { type: 'notice' }
  /** Accept nothing new, because another process is about to get the slot. The answer is `stopped`. */
  | { type: 'stop' }
  /** Accept again: the process that was about to get the slot has ended. */
  | { type: 'resume' }
  /**
   * Finish what is open, then exit. After `timeoutMs` the worker closes what is still open. `last`: the whole router closes, so
   * no client can come back for its session.
   */
  | { type: 'drain'; timeoutMs: number; reason: string; last: boolean };

/** The message of this type. */
export type OfType<Message extends { type: string }, Type extends Message['type']> = Extract<
  Message,
  { type: Type }
>;

/** In `adopted`, and in the environment of a process that limpet forks: the settings with which the process begins. */
export interface WorkerSettings {
  /** The process's part of the shared memory. No other living process has it. */
  readonly workerIndex: number;
  readonly drainTimeoutMs: number;
  readonly noticeMs: number;
  /** The pause between two heartbeats. */
  readonly beatMs: number;
  /** Whether SIGTERM makes the process drain. SIGINT and SIGHUP are then ignored. */
  readonly signals: boolean;
  /** The process inherited `count` descriptors for its handoffs, numbered from `from` on. */
  readonly inherited: { readonly from: number; readonly count: number };
}

/** The environment variable that carries {@link WorkerSettings} as JSON. The worker deletes it when it has read it. */
export const workerSettingsVariable = 'LIMPET_SEAT';

/** In `listen`: the choice of a handoff depends on these. */
export interface ServerTraits {
  readonly kind: 'node' | 'uws';
  readonly tls: boolean;
}

/** In `bound`: the router's options for the worker's half of a handoff. */
export interface ListenSettings {
  readonly stallTimeoutMs: number;
  /** Whether `maxLoad` may place a connection in another slot than the ring says. */
  readonly loadBounded: boolean;
  /** Whether placement depends on the number of open connections. Over ipc the worker then reports each connection that closes. */
  readonly loadCounts: boolean;
  /** {@link AffinitySettings}, packed for {@link unpackAffinity}. */
  readonly affinity: string;
  readonly healthPath?: string | undefined;
}

/** In `bound`, packed: a worker needs it to issue cookies and session ids that lead back to it, and to forward requests. */
export interface AffinitySettings {
  /** Undefined if affinity does not use limpet's own cookie. */
  readonly cookie: CookieSettings | undefined;
  readonly sidKey: Uint8Array;
  /** Whether trusted peers send the client's address in a PROXY header. */
  readonly proxied: boolean;
  /** Undefined if no affinity rule reads requests. */
  readonly forwarding: ForwardingSettings | undefined;
}

/** A worker needs these to find the slot of a request, and the peer socket of the process that serves it. */
export interface ForwardingSettings {
  /** The folder of the peer sockets. */
  readonly directory: string;
  readonly chain: AffinityChain;
  readonly ring: {
    readonly slots: number;
    readonly buckets: number;
    readonly key: Uint8Array;
    readonly ipv6Prefix: Ipv6Prefix;
  };
}

/** Unpacks the {@link AffinitySettings} of `bound`: base64 of what `v8.serialize()` made. */
export function unpackAffinity(packed: string): AffinitySettings {
  return deserialize(Buffer.from(packed, 'base64')) as AffinitySettings;
}

/** In `beat`: the worker's own figures. */
export interface WorkerVitals {
  /** Open connections. */
  readonly open: number;
  /** The delay of this heartbeat. The event loop was busy for that long. */
  readonly lagMs: number;
  readonly rssBytes: number;
  readonly sessionCache: SessionCacheCounts;
}

/** In `peers`: the processes of the router, and the slots that are down. Plain JSON. */
export interface PeerTable {
  /** The number of slots in the ring. */
  readonly slots: number;
  readonly down: readonly number[];
  /** The processes that have opened a server. The attached process of a slot comes before those that drain. */
  readonly processes: readonly {
    readonly slot: number;
    readonly workerIndex: number;
    readonly attached: boolean;
  }[];
}

/**
 * Names a listener by its address. The primary and all workers get the same key for the same listen() call. Each listen() on
 * port 0 means another port, so its key has a sequence number.
 */
export class ListenerKeys {
  readonly #timesAsked: Map<string, number> = new Map();

  of(address: ListenAddress): string {
    if ('path' in address) return address.path;
    const name = `${address.host ?? ''}:${address.port}:${address.ipv6Only}`;
    if (address.port !== 0) return name;
    const times = this.#timesAsked.get(name) ?? 0;
    this.#timesAsked.set(name, times + 1);
    return `${name}#${times}`;
  }
}

interface Receiver {
  on(event: 'internalMessage', listener: (message: unknown, handle?: RawHandle) => void): unknown;
}
interface Sender {
  connected: boolean;
  send?: (
    message: unknown,
    handle: unknown,
    options: unknown,
    callback: (error: Error | null) => void,
  ) => boolean;
}

const cmd = 'NODE_LIMPET';

/** Calls `take` for each limpet message that arrives on `channel`. `take` owns the handle, if there is one. */
export function receive<M extends WorkerMessage | PrimaryMessage>(
  channel: unknown,
  take: (message: M, handle: RawHandle | undefined) => void,
): void {
  (channel as Receiver).on('internalMessage', (message, handle) => {
    const envelope = message as { cmd?: unknown; limpet?: M } | null;
    if (envelope?.cmd === cmd && envelope.limpet !== undefined) take(envelope.limpet, handle);
  });
}

/** Returns false and does nothing if the channel is closed. The caller still owns `handle`. */
export function send<M extends WorkerMessage | PrimaryMessage>(
  target: unknown,
  message: M,
  handle?: RawHandle,
): boolean {
  const sender = target as Sender;
  if (!sender.connected || !sender.send) return false;
  sender.send({ cmd, limpet: message }, handle, undefined, ignoreClosed);
  return true;
}

/** The channel may close between the check and the write. The exit of the process is what reports it. */
function ignoreClosed(): void {}
