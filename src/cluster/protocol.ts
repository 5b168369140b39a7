import { deserialize } from 'node:v8';
import type { CookieSettings } from '../affinity/cookie.js';
import type { AffinityChain } from '../binding/typescript/affinity-chain.js';
import type { Ipv6Prefix } from '../binding/typescript/client-key.js';
import type { BoundAddress, ListenAddress, RawHandle } from '../connection.js';
import type { HandoffMessage, HandoffName } from '../handoff/contract.js';
import type { SessionCacheCounts } from '../metrics.js';

/**
 * The protocol between primary and worker, whole: what is not in these two tables is never sent.
 *
 * It travels on Node's own IPC channel with `cmd: 'NODE_LIMPET'`. Node delivers messages whose cmd begins with NODE_ as
 * 'internalMessage' and never as 'message', so an app's own IPC, and cluster's events, see none of it.
 */
export type WorkerMessage =
  /** The app called listen(): make or find the listener. `key` names it the same in every worker. */
  | { type: 'listen'; key: string; address: ListenAddress; server: ServerTraits }
  /** The server is fed and open: connections may come. */
  | { type: 'open'; listener: number }
  /** From one half of a handoff to the other. */
  | { type: 'handoff'; listener: number; body: HandoffMessage }
  /** The app forked this process itself, and it wants a place. */
  | { type: 'adopt' }
  /** Sign of life. */
  | ({ type: 'beat'; debugger: boolean } & WorkerVitals)
  /** The app closed its server, or the process was told to end: it takes nothing new. */
  | { type: 'leaving'; reason: string }
  /** Nothing more is taken in, on any listener. */
  | { type: 'stopped' };

export type PrimaryMessage =
  | {
      type: 'bound';
      key: string;
      listener: number;
      address: BoundAddress;
      handoff: HandoffName;
      /** The listener of the ports for each slot, which the same server serves. */
      direct: { readonly listener: number; readonly handoff: HandoffName; readonly base: number } | undefined;
      settings: ListenSettings;
    }
  | { type: 'unbound'; key: string; code: string; text: string }
  | { type: 'handoff'; listener: number; body: HandoffMessage }
  /** The process is seated: its slot's clients come to it. */
  | { type: 'assigned' }
  /** The place that the process asked for. */
  | { type: 'adopted'; slot: number; pass: WorkerSettings }
  /** Who serves whom, where requests may have to be passed on. */
  | { type: 'peers'; table: PeerTable }
  /** The slot will soon be gone: serve on, but say so to whoever looks after its health. */
  | { type: 'notice' }
  /** Take nothing new; answer 'stopped'. */
  | { type: 'stop' }
  /** Take again: who was to follow is gone. */
  | { type: 'resume' }
  /** Finish what is there, then exit; at the deadline, close the rest. `last`: the whole router closes, nobody can come back. */
  | { type: 'drain'; timeoutMs: number; reason: string; last: boolean };

/** Of these messages, the one of the type. */
export type OfType<Message extends { type: string }, Type extends Message['type']> = Extract<
  Message,
  { type: Type }
>;

/** What a worker must know of the router's options to take its half of a handoff. */
export interface ListenSettings {
  readonly stallTimeoutMs: number;
  /** Whether a bound on the load may have put a connection elsewhere than the ring says. */
  readonly loadBounded: boolean;
  /** Whether connections go by how many are open: then those that close are told to the primary where it cannot see it itself. */
  readonly loadCounts: boolean;
  /** An {@link AffinitySettings}, serialized. */
  readonly affinity: string;
  readonly healthPath?: string | undefined;
}

/** What the primary must know of a server to choose a handoff for it. */
export interface ServerTraits {
  readonly kind: 'node' | 'uws';
  readonly tls: boolean;
}

/** What a worker last said of itself. */
export interface WorkerVitals {
  readonly open: number;
  readonly lagMs: number;
  readonly rssBytes: number;
  readonly sessionCache: SessionCacheCounts;
}

/** The processes of the router, as each worker is told of them; plain JSON. */
export interface PeerTable {
  /** How many slots the ring has. */
  readonly slots: number;
  readonly down: readonly number[];
  /** Those that can be reached: seated ones first, then those that drain. */
  readonly processes: readonly {
    readonly slot: number;
    readonly workerIndex: number;
    readonly attached: boolean;
  }[];
}

/** What a worker learns from its environment; read and removed by `cluster/worker.ts`. */
export interface WorkerSettings {
  readonly workerIndex: number;
  readonly drainTimeoutMs: number;
  readonly noticeMs: number;
  readonly beatMs: number;
  readonly signals: boolean;
  /** How many descriptors, from which number on, the process inherited for its handoffs. */
  readonly inherited: { readonly from: number; readonly count: number };
}

export const workerSettingsVariable = 'LIMPET_SEAT';

/** What a worker must know to give out cookies and session ids that lead back to it, and to know whose a request is. */
export interface AffinitySettings {
  readonly cookie: CookieSettings | undefined;
  readonly sidKey: Uint8Array;
  /** Whether trusted peers tell their clients in PROXY headers. */
  readonly proxied: boolean;
  /** Undefined where no rule reads requests. */
  readonly forwarding: ForwardingSettings | undefined;
}

export interface ForwardingSettings {
  readonly directory: string;
  readonly chain: AffinityChain;
  readonly ring: {
    readonly slots: number;
    readonly buckets: number;
    readonly key: Uint8Array;
    readonly ipv6Prefix: Ipv6Prefix;
  };
}

/** An {@link AffinitySettings} as it travels. */
export function unpackAffinity(pass: string): AffinitySettings {
  return deserialize(Buffer.from(pass, 'base64')) as AffinitySettings;
}

/**
 * Names a listener the same in the primary and in every worker: by its address, and for port 0 also by its turn, since each
 * listen on port 0 means a port of its own.
 */
export class ListenerKeys {
  readonly #turns: Map<string, number> = new Map();

  of(address: ListenAddress): string {
    if ('path' in address) return address.path;
    const name = `${address.host ?? ''}:${address.port}:${address.ipv6Only}`;
    if (address.port !== 0) return name;
    const turn = this.#turns.get(name) ?? 0;
    this.#turns.set(name, turn + 1);
    return `${name}#${turn}`;
  }
}

interface Channel {
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

/** Hands every limpet message that arrives on `channel` to `take`. `handle`, if any, is then the taker's. */
export function receive<M extends WorkerMessage | PrimaryMessage>(
  channel: unknown,
  take: (message: M, handle: RawHandle | undefined) => void,
): void {
  (channel as Channel).on('internalMessage', (message, handle) => {
    const envelope = message as { cmd?: unknown; limpet?: M } | null;
    if (envelope?.cmd === cmd && envelope.limpet !== undefined) take(envelope.limpet, handle);
  });
}

/** False, and nothing else, when the channel is closed. `handle` stays the caller's. */
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

// The channel may close between the check and the write; the exit event is what tells of it.
function ignoreClosed(): void {}
