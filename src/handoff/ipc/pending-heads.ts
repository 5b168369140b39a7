import { Socket } from 'node:net';
import { HOUR_MS } from '../../affinity/cookie.js';
import { trustsPeer } from '../../affinity/trust.js';
import { headBinding } from '../../binding/head-binding.js';
import type {
  AffinityChain,
  Endpoint,
  HeadReading,
  Refusal,
} from '../../binding/typescript/affinity-chain.js';
import type { CompiledChain } from '../../binding/typescript/head-calls.js';
import { addressText } from '../../binding/typescript/ip-address.js';
import type { ProxiedClient, RawHandle } from '../../connection.js';

export interface PendingSettings {
  readonly chain: AffinityChain;
  readonly headTimeoutMs: number;
  readonly pendingMax: number;
  readonly pendingPerAddressMax: number;
}

/** The result of the rules for a connection, and the bytes that were read from it. */
export interface Placement {
  /** The slot in the client's cookie or sid; undefined if it brought none. */
  readonly slot: number | undefined;
  /** The client key for the ring, which decides if `slot` is undefined or down: an address of 16 bytes, or the bytes of a text. */
  readonly key: Uint8Array;
  /** Whether `key` is an address. */
  readonly byAddress: boolean;
  /** True if no rule but the last one, `address`, knew the client. */
  readonly unknown: boolean;
  /** The client in the PROXY header, if there was one. */
  readonly client: ProxiedClient | undefined;
  /** The bytes that come first in the worker's stream. */
  readonly read: Buffer;
}

interface Pending {
  readonly socket: Socket;
  readonly handle: RawHandle;
  readonly reading: HeadReading;
  /** The peer's address, under which the connection counts for `pendingPerAddressMax`; undefined if the peer is trusted. */
  readonly origin: string | undefined;
  readonly timer: NodeJS.Timeout;
  /** The first `length` bytes are those that were read so far. */
  bytes: Buffer;
  length: number;
}

/** From the answer to a refused client to the end of its connection, unless the client closes it before. */
const lingerMs = 1000;

/**
 * The connections whose heads have not been read to the end. The same as native/handoff/primary/pending_heads.cc, for connections that Node has
 * accepted. Node cannot peek, so the bytes that were read go to the worker with the connection. Owns the handles until they are placed.
 */
export class PendingHeads {
  readonly #settings: PendingSettings;
  readonly #chain: CompiledChain;
  readonly #onPlaced: (handle: RawHandle, placement: Placement) => void;
  readonly #onRefused: (refusal: Refusal) => void;
  /** In the order of arrival. */
  readonly #waiting: Set<Pending> = new Set();
  readonly #byAddress: Map<string, Set<Pending>> = new Map();

  /** `onPlaced` owns the handle from its call on. `onRefused` is called for each connection that is closed here. */
  constructor(
    settings: PendingSettings,
    onPlaced: (handle: RawHandle, placement: Placement) => void,
    onRefused: (refusal: Refusal) => void,
  ) {
    this.#settings = settings;
    this.#chain = headBinding().compile(settings.chain);
    this.#onPlaced = onPlaced;
    this.#onRefused = onRefused;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Takes ownership of the handle. `peer` is an address of 16 bytes. May call `onPlaced` or `onRefused` before it returns. */
  admit(handle: RawHandle, peer: Uint8Array, port: number): void {
    const reading = headBinding().begin(this.#chain, { address: peer, port });
    const socket = new Socket({ handle, allowHalfOpen: true, manualStart: true } as object);
    const pending: Pending = {
      socket,
      handle,
      reading,
      origin: trustsPeer(this.#settings.chain, peer) ? undefined : Buffer.from(peer).toString('latin1'),
      timer: setTimeout(() => this.#timeOut(pending), this.#settings.headTimeoutMs),
      bytes: Buffer.alloc(0),
      length: 0,
    };
    this.#makeRoom(pending);
    this.#add(pending);
    socket.on('error', () => {});
    socket.on('close', () => this.#remove(pending));
    if (this.#decide(pending, false)) return;
    socket.on('data', (chunk: Buffer) => this.#append(pending, chunk));
    socket.on('end', () => {
      if (pending.length === 0) socket.destroy();
      else this.#decide(pending, true);
    });
  }

  /** Closes the connections that have sent nothing; with `all`, every connection. Returns the number of connections that it closed. */
  drop(all: boolean): number {
    const dropped = [...this.#waiting].filter(({ length }) => all || length === 0);
    for (const pending of dropped) this.#refuse(pending, pending.length > 0 ? 'too-many-pending' : 'silent');
    return dropped.length;
  }

  #append(pending: Pending, chunk: Buffer): void {
    if (!this.#waiting.has(pending)) return;
    const length = pending.length + chunk.length;
    if (length > pending.bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, pending.bytes.length * 2));
      pending.bytes.copy(grown, 0, 0, pending.length);
      pending.bytes = grown;
    }
    chunk.copy(pending.bytes, pending.length);
    pending.length = length;
    this.#decide(pending, false);
  }

  /** Places or refuses the connection if its bytes suffice; `ended`: no more bytes will come. False if it must wait for more. */
  #decide(pending: Pending, ended: boolean): boolean {
    const stream = pending.bytes.subarray(0, pending.length);
    const hour = Math.floor(Date.now() / HOUR_MS);
    let decision = pending.reading.decide(stream, ended, hour);
    let slot: number | undefined;
    while (decision.outcome === 'slot') {
      slot ??= decision.slot;
      decision = pending.reading.decide(stream, ended, hour);
    }
    if (decision.outcome === 'need-more') return false;
    if (decision.outcome === 'refused') {
      this.#refuse(pending, decision.refusal);
      return true;
    }
    this.#releaseHandle(pending);
    const proxied = pending.reading.proxied();
    this.#onPlaced(pending.handle, {
      slot,
      key: decision.outcome === 'address' ? decision.address : decision.text,
      byAddress: decision.outcome === 'address',
      unknown: slot === undefined && decision.rule === this.#settings.chain.rules.length - 1,
      client: proxied && clientAt(proxied),
      read: stream.subarray(decision.consume),
    });
    return true;
  }

  /** Takes the handle out of the socket that has read from it. */
  #releaseHandle(pending: Pending): void {
    this.#remove(pending);
    const { socket, handle } = pending;
    (handle as RawHandle & { readStop(): void }).readStop();
    socket.removeAllListeners();
    (socket as unknown as { _handle: null })._handle = null;
    socket.destroy();
  }

  #timeOut(pending: Pending): void {
    this.#refuse(pending, pending.length > 0 ? 'head-timeout' : 'silent');
  }

  /** If a limit is reached, refuses the oldest connection, not the new one. As native/handoff/primary/pending_heads.cc, which says why. */
  #makeRoom({ origin }: Pending): void {
    const { pendingMax, pendingPerAddressMax } = this.#settings;
    const same = origin === undefined ? undefined : this.#byAddress.get(origin);
    if (same && same.size >= pendingPerAddressMax) {
      this.#refuse(oldest(same), 'too-many-pending-from-address');
    }
    if (this.#waiting.size >= pendingMax) this.#refuse(oldest(this.#waiting), 'too-many-pending');
  }

  #refuse(pending: Pending, refusal: Refusal): void {
    this.#remove(pending);
    this.#onRefused(refusal);
    const { socket, length } = pending;
    const answer = length > 0 ? headBinding().refusalAnswer(refusal) : '';
    if (answer === '') {
      socket.destroy();
      return;
    }
    socket.removeAllListeners('data').removeAllListeners('end');
    socket.resume().end(answer);
    // Lingering close: read on until the client closes, so that a reset does not destroy the answer before the client reads it.
    socket.once('end', () => socket.destroy());
    setTimeout(() => socket.destroy(), lingerMs).unref();
  }

  #add(pending: Pending): void {
    this.#waiting.add(pending);
    if (pending.origin === undefined) return;
    const same = this.#byAddress.get(pending.origin) ?? new Set();
    this.#byAddress.set(pending.origin, same.add(pending));
  }

  #remove(pending: Pending): void {
    clearTimeout(pending.timer);
    this.#waiting.delete(pending);
    const same = pending.origin === undefined ? undefined : this.#byAddress.get(pending.origin);
    same?.delete(pending);
    if (same?.size === 0) this.#byAddress.delete(pending.origin as string);
  }
}

function oldest(pending: Set<Pending>): Pending {
  return pending.values().next().value as Pending;
}

function clientAt({ address, port }: Endpoint): ProxiedClient {
  const text = addressText(address);
  return { address: text, family: text.includes(':') ? 'IPv6' : 'IPv4', port };
}
