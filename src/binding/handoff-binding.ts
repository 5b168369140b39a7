/** The handoff part of the addon. It has no twin: where there is no addon, connections go by `ipc`. */
import type { BoundAddress } from '../connection.js';
import { native } from './native.js';
import type { CompiledChain } from './typescript/head-calls.js';

/** A numeric address, or the path of a unix-domain socket. */
export type NumericAddress =
  | { readonly host: string; readonly port: number; readonly ipv6Only: boolean }
  | { readonly path: string };

/** What the kernel needs to find a client's home by itself. */
export interface SteeringTable {
  /** 8 bytes. */
  readonly key: Uint8Array;
  readonly ipv6Prefix: number;
  /** The home slot of each bucket, all under 256. */
  readonly homes: Uint16Array;
}

/**
 * N listening sockets on one address among which the kernel chooses by the steering program; slot n's is the n-th.
 * Everything that fails throws an error with `code` and `syscall`, like Node's own.
 */
export interface ReuseportGroup {
  readonly size: number;
  /** Adds sockets at the end until there are `slots`, then replaces the program. */
  resize(slots: number, table: SteeringTable): void;
  removeLast(): void;
  /** The slot's socket, which stays the group's. */
  descriptor(slot: number): number;
  close(): void;
}

/** What the acceptor does with a listening socket. */
export const acceptMode = {
  /** Nothing: a worker accepts from it, or its connections wait in the kernel. */
  held: 0,
  /** Nothing, until its queue in the kernel is more than half full; then as `served`. */
  watched: 1,
  /** Accepts its connections and hands them on. */
  served: 2,
} as const;

/** Of `seen` connections, `count` by the client that makes the most. */
export interface BusiestCount {
  readonly seen: number;
  readonly count: number;
}

/** The primary's acceptor thread. Calls take effect before they return. Listeners are numbered 0 to 254. */
export interface NativeAcceptor {
  /** The channel end that the slot's processes inherit; stays the acceptor's. */
  channelEnd(slot: number): number;
  /** Adds a duplicate of a listening socket, held; its number. What comes to it is for the slot `pinned`, where given, while that is up. */
  add(listener: number, fd: number, pinned?: number): number;
  /** `detour`, where given, says who serves each bucket instead of the owners. */
  serve(source: number, what: number, detour?: Uint16Array): void;
  /** Closes the socket; with `drain`, after accepting what waits in it. */
  remove(source: number, drain: boolean): void;
  /** The listener's connections are placed by these rules from now on; before, and without, by their address. */
  setAffinity(listener: number, chain: CompiledChain): void;
  /** Connections closed before they could be placed, by {@link Refusal}; reasons that never occurred are left out. */
  refused(): Record<string, number>;
  /** Of the connections placed by their address: how many (`seen`), and what the client that makes the most has made (`count`). */
  busiest(): BusiestCount;
  updateRing(owners: Uint16Array, homes: Uint16Array): void;
  /** The process that writes `row` takes the listener's connections for the slot. */
  attach(slot: number, listener: number, row: number): void;
  detach(slot: number, listener: number): void;
  queued(slot: number, listener: number): number;
  /** Accepts what waits in the kernel, then closes the listener's sockets; `settled` is called when all of it was taken. */
  closeListener(listener: number): void;
  isEmpty(listener: number): boolean;
  /** Closes what waits for the listener; how many connections. */
  closeQueued(listener: number): number;
  /** Ends the thread and closes its descriptors. Calls that come later are answered as if there were nothing. */
  stop(): void;
}

/** The intake of a worker process. */
export interface NativeInbox {
  /** Accepts from a duplicate of `fd` for the listener. */
  accept(listener: number, fd: number): void;
  /** With `drain`, first delivers what waits in the kernel's queue. */
  stopAccepting(listener: number, drain: boolean): void;
  /** Receives from the channel, which stays the caller's. */
  receive(channel: number): void;
  /** What comes through the channel for a listener that is not expected is passed back. */
  expect(listener: number, expected: boolean): void;
  stop(): void;
}

export interface HandoffBinding {
  /** The program as an array of `struct sock_filter`; empty when the table makes one that the kernel would not take. */
  steeringProgram(table: SteeringTable): Buffer;
  readonly ReuseportGroup: {
    new (address: NumericAddress, slots: number, backlog: number, table: SteeringTable): ReuseportGroup;
    /** Of sockets that listen already, in slot order, which it owns from now on: steered as they were until it is resized. */
    new (given: { readonly descriptors: Int32Array }, slots: number, backlog: number): ReuseportGroup;
  };
  readonly Acceptor: new (
    options: {
      readonly sharedMemory: number;
      readonly key: Uint8Array;
      readonly ipv6Prefix: number;
      readonly queueMax: number;
      /** Clients that no rule but `address` knows go to the slot with the fewest connections. */
      readonly spreadEvenly: boolean;
      /** A slot takes no more than so many times the mean of clients that the ring places; 0 for no bound. */
      readonly maxLoad: number;
      readonly headTimeoutMs: number;
      readonly pendingMax: number;
      readonly pendingPerAddressMax: number;
    },
    settled: () => void,
  ) => NativeAcceptor;
  /** Each batch is written to the arrays, of {@link batchMax} entries, before `deliver` is called with its length; `peers` only where `proxied`. */
  readonly Inbox: new (
    options: {
      readonly sharedMemory: number;
      readonly workerIndex: number;
      readonly slot: number;
      readonly descriptors: Int32Array;
      readonly listeners: Uint8Array;
      /** {@link peerBytes} an entry: the client that a PROXY header told, address and port; zeros where there was none. */
      readonly peers: Uint8Array;
    },
    deliver: (count: number, proxied: boolean) => void,
  ) => NativeInbox;
  /** A listening socket, alone on its address. The caller owns it. */
  listenExclusively(address: NumericAddress, backlog: number): number;
  boundAddress(fd: number): BoundAddress;
  /** Close-on-exec. */
  duplicate(fd: number): number;
  close(fd: number): void;
  closeOnExec(fd: number): void;
  /** Makes a socket that somebody else opened like our own: close-on-exec, and non-blocking, which the service manager's are not. */
  prepareInherited(fd: number): void;
  /** A new shared page; the caller owns its descriptor. */
  createSharedMemory(): number;
  mapSharedMemory(fd: number): ArrayBuffer;
  readonly sharedMemoryLayout: Readonly<Record<string, number | readonly number[]>>;
}

/** 16 bytes of address, two of port, network order. */
export const peerBytes = 18;

/** The most connections that an inbox delivers in one call. */
export const batchMax = 16;

/** Null where there is no addon. Throws ERR_LIMPET_NATIVE when there is one that does not load. */
export function handoffBinding(): HandoffBinding | null {
  return (native()?.handoff as HandoffBinding | undefined) ?? null;
}
