/** The handoff part of the addon. It has no TypeScript implementation: without the addon, the router uses `ipc`. */
import type { BoundAddress } from '../connection.js';
import { native } from './native.js';
import type { CompiledChain } from './typescript/head-calls.js';

/** A numeric address, or the path of a unix-domain socket. */
export type NumericAddress =
  | { readonly host: string; readonly port: number; readonly ipv6Only: boolean }
  | { readonly path: string };

/** The data from which a steering program is compiled. The program finds the home of a client in the kernel. */
export interface SteeringTable {
  /** 8 bytes. */
  readonly key: Uint8Array;
  readonly ipv6Prefix: number;
  /** The home of each bucket. All slots are under 256. */
  readonly homes: Uint16Array;
}

/**
 * Listening sockets on one address, one for each slot. The kernel chooses among them by the steering program. The socket of slot n is
 * number n. Every failure throws an error with `code` and `syscall`, like Node's own.
 */
export interface ReuseportGroup {
  readonly size: number;
  /** Adds sockets at the end until there are `slots`, then replaces the program. Never removes a socket. */
  resize(slots: number, table: SteeringTable): void;
  removeLast(): void;
  /** The slot's socket. The group owns the descriptor. */
  descriptor(slot: number): number;
  close(): void;
}

/** Whether the acceptor accepts from its duplicate of a listening socket. */
export const acceptMode = {
  /** Does not accept: a worker accepts, or the connections wait in the kernel. */
  held: 0,
  /** Does not accept until the socket's queue in the kernel is more than half full; then as `served`. */
  watched: 1,
  /** Accepts, and passes the connections to the slots that serve them. */
  served: 2,
} as const;

/** How many connections were seen, and how many of them the busiest client made. */
export interface BusiestCount {
  readonly seen: number;
  readonly count: number;
}

/** The primary's acceptor thread. A call has taken effect when it returns. Listeners have numbers from 0 to 254. */
export interface NativeAcceptor {
  /** The end of the slot's channel that its workers inherit. The acceptor owns the descriptor. */
  channelEnd(slot: number): number;
  /**
   * Adds a duplicate of a listening socket in the mode `held`, and returns the duplicate's number, the `source`. With `pinned`, its
   * connections go to that slot while it is up.
   */
  add(listener: number, fd: number, pinned?: number): number;
  /** Sets the mode of {@link acceptMode}. `owners`, if given, replaces the ring's owner of each bucket for this socket. */
  serve(source: number, mode: number, owners?: Uint16Array): void;
  /** Closes the duplicate. With `drain`, accepts what waits in the socket first. */
  remove(source: number, drain: boolean): void;
  /** Places the listener's connections by these rules from now on. Without rules they are placed by their address. */
  setAffinity(listener: number, chain: CompiledChain): void;
  /** Connections that were closed before they could be placed, by {@link Refusal}. Reasons that have not occurred are left out. */
  refused(): Record<string, number>;
  /** The connections that were placed by their address. */
  busiest(): BusiestCount;
  updateRing(owners: Uint16Array, homes: Uint16Array): void;
  /** The worker with this index takes the listener's connections for the slot. */
  attach(slot: number, listener: number, workerIndex: number): void;
  detach(slot: number, listener: number): void;
  queued(slot: number, listener: number): number;
  /** Accepts what waits in the kernel, then closes the listener's sockets. `onEmptied` is called when workers have taken all connections. */
  closeListener(listener: number): void;
  isEmpty(listener: number): boolean;
  /** Closes the listener's connections that no worker has taken, and returns their number. */
  closeQueued(listener: number): number;
  /** Ends the thread and closes its descriptors. Later calls find no connections. */
  stop(): void;
}

/** The native half of a worker's inbox. */
export interface NativeInbox {
  /** Accepts from a duplicate of `fd` for the listener. */
  accept(listener: number, fd: number): void;
  /** With `drain`, delivers what waits in the kernel's queue first. */
  stopAccepting(listener: number, drain: boolean): void;
  /** Receives from the channel. The caller owns the descriptor. */
  receive(channel: number): void;
  /** Connections that come through the channel for a listener that is not expected go back to the primary. */
  expect(listener: number, expected: boolean): void;
  stop(): void;
}

export interface HandoffBinding {
  /** The program as an array of `struct sock_filter`; empty if it would be larger than the kernel allows. */
  steeringProgram(table: SteeringTable): Buffer;
  readonly ReuseportGroup: {
    new (address: NumericAddress, slots: number, backlog: number, table: SteeringTable): ReuseportGroup;
    /** Takes sockets that listen already, in the order of their slots, and owns them from now on. Their program stays until `resize`. */
    new (inherited: { readonly descriptors: Int32Array }, slots: number, backlog: number): ReuseportGroup;
  };
  readonly Acceptor: new (
    options: {
      readonly sharedMemory: number;
      readonly key: Uint8Array;
      readonly ipv6Prefix: number;
      readonly queueMax: number;
      /** Whether clients that no rule but `address` knows go to the slot with the fewest connections. */
      readonly spreadEvenly: boolean;
      /** The ring gives no client to a slot whose load has reached this multiple of the mean load; 0 for no bound. */
      readonly maxLoad: number;
      readonly headTimeoutMs: number;
      readonly pendingMax: number;
      readonly pendingPerAddressMax: number;
    },
    onEmptied: () => void,
  ) => NativeAcceptor;
  /**
   * Writes each batch to the arrays, which have {@link batchMax} entries, then calls `deliver` with the length of the batch. `peers` is
   * written only if `proxied`. The callee owns the descriptors.
   */
  readonly Inbox: new (
    options: {
      readonly sharedMemory: number;
      readonly workerIndex: number;
      readonly slot: number;
      readonly descriptors: Int32Array;
      readonly listeners: Uint8Array;
      /** {@link peerBytes} for each entry: address and port of the client in the PROXY header; zeros if there was no header. */
      readonly peers: Uint8Array;
    },
    deliver: (count: number, proxied: boolean) => void,
  ) => NativeInbox;
  /** A listening socket whose address no other socket can join. The caller owns it. */
  listenExclusively(address: NumericAddress, backlog: number): number;
  boundAddress(fd: number): BoundAddress;
  /** The duplicate is close-on-exec. The caller owns it. */
  duplicate(fd: number): number;
  close(fd: number): void;
  closeOnExec(fd: number): void;
  /** Makes an inherited socket close-on-exec and non-blocking. Sockets of the service manager are neither. */
  prepareInherited(fd: number): void;
  /** New shared memory, all zeros. The caller owns the descriptor. */
  createSharedMemory(): number;
  mapSharedMemory(fd: number): ArrayBuffer;
  readonly sharedMemoryLayout: Readonly<Record<string, number | readonly number[]>>;
}

/** 16 bytes of address and 2 of port, in network byte order. */
export const peerBytes = 18;

/** The most connections that an inbox delivers in one call. */
export const batchMax = 16;

/** Null without an addon. Throws ERR_LIMPET_NATIVE if the addon does not load. */
export function handoffBinding(): HandoffBinding | null {
  return (native()?.handoff as HandoffBinding | undefined) ?? null;
}
