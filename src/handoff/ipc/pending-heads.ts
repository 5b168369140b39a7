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

/** Where a connection belongs, and what was read from it to know. */
export interface Placement {
  /** The slot that the client brought, sealed. */
  readonly slot: number | undefined;
  /** What the ring is asked with, where that slot is down or there is none: an address of 16 bytes, or a text's bytes. */
  readonly key: Uint8Array;
  readonly byAddress: boolean;
  /** No rule but the last knew the client. */
  readonly unknown: boolean;
  readonly client: ProxiedClient | undefined;
  /** To be put back in front of the stream. */
  readonly read: Buffer;
}

interface Pending {
  readonly socket: Socket;
  readonly handle: RawHandle;
  readonly reading: HeadReading;
  /** Undefined where the peer is trusted. */
  readonly origin: string | undefined;
  readonly timer: NodeJS.Timeout;
  bytes: Buffer;
  length: number;
}

/** How long a refused client may take to read its answer and close, in ms. */
const patienceMs = 1000;

/**
 * The twin of native/handoff/primary/pending_heads.cc for connections that Node accepted: there is no peeking here, so what is read is
 * given along. Owns the handles until they are placed.
 */
export class PendingHeads {
  readonly #settings: PendingSettings;
  readonly #chain: CompiledChain;
  readonly #place: (handle: RawHandle, placement: Placement) => void;
  readonly #refused: (refusal: Refusal) => void;
  /** The oldest first. */
  readonly #waiting: Set<Pending> = new Set();
  readonly #byAddress: Map<string, Set<Pending>> = new Map();

  constructor(
    settings: PendingSettings,
    place: (handle: RawHandle, placement: Placement) => void,
    refused: (refusal: Refusal) => void,
  ) {
    this.#settings = settings;
    this.#chain = headBinding().compile(settings.chain);
    this.#place = place;
    this.#refused = refused;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Takes ownership of the handle. `peer` has 16 bytes. May place it before returning. */
  admit(handle: RawHandle, peer: Uint8Array, port: number): void {
    const reading = headBinding().begin(this.#chain, { address: peer, port });
    const socket = new Socket({ handle, allowHalfOpen: true, manualStart: true } as object);
    const pending: Pending = {
      socket,
      handle,
      reading,
      origin: trustsPeer(this.#settings.chain, peer) ? undefined : Buffer.from(peer).toString('latin1'),
      timer: setTimeout(() => this.#late(pending), this.#settings.headTimeoutMs),
      bytes: Buffer.alloc(0),
      length: 0,
    };
    this.#makeRoom(pending);
    this.#remember(pending);
    socket.on('error', () => {});
    socket.on('close', () => this.#forget(pending));
    if (this.#look(pending, false)) return;
    socket.on('data', (chunk: Buffer) => this.#arrived(pending, chunk));
    socket.on('end', () => {
      if (pending.length === 0) socket.destroy();
      else this.#look(pending, true);
    });
  }

  /** Closes those that have said nothing; with `all`, the others too. How many. */
  drop(all: boolean): number {
    const dropped = [...this.#waiting].filter(({ length }) => all || length === 0);
    for (const pending of dropped) this.#refuse(pending, pending.length > 0 ? 'too-many-pending' : 'silent');
    return dropped.length;
  }

  #arrived(pending: Pending, chunk: Buffer): void {
    if (!this.#waiting.has(pending)) return;
    const length = pending.length + chunk.length;
    if (length > pending.bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, pending.bytes.length * 2));
      pending.bytes.copy(grown, 0, 0, pending.length);
      pending.bytes = grown;
    }
    chunk.copy(pending.bytes, pending.length);
    pending.length = length;
    this.#look(pending, false);
  }

  /** False when it must wait on. */
  #look(pending: Pending, ended: boolean): boolean {
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
    this.#detach(pending);
    const proxied = pending.reading.proxied();
    this.#place(pending.handle, {
      slot,
      key: decision.outcome === 'address' ? decision.address : decision.text,
      byAddress: decision.outcome === 'address',
      unknown: slot === undefined && decision.rule === this.#settings.chain.rules.length - 1,
      client: proxied && clientAt(proxied),
      read: stream.subarray(decision.consume),
    });
    return true;
  }

  /** Takes the handle out of the socket that read from it. */
  #detach(pending: Pending): void {
    this.#forget(pending);
    const { socket, handle } = pending;
    (handle as RawHandle & { readStop(): void }).readStop();
    socket.removeAllListeners();
    (socket as unknown as { _handle: null })._handle = null;
    socket.destroy();
  }

  #late(pending: Pending): void {
    this.#refuse(pending, pending.length > 0 ? 'head-timeout' : 'silent');
  }

  /** The oldest goes, not the newest: as native/handoff/primary/pending_heads.cc, which says why. */
  #makeRoom({ origin }: Pending): void {
    const { pendingMax, pendingPerAddressMax } = this.#settings;
    const same = origin === undefined ? undefined : this.#byAddress.get(origin);
    if (same && same.size >= pendingPerAddressMax) {
      this.#refuse(first(same), 'too-many-pending-from-address');
    }
    if (this.#waiting.size >= pendingMax) this.#refuse(first(this.#waiting), 'too-many-pending');
  }

  #refuse(pending: Pending, refusal: Refusal): void {
    this.#forget(pending);
    this.#refused(refusal);
    const { socket, length } = pending;
    const answer = length > 0 ? headBinding().refusalAnswer(refusal) : '';
    if (answer === '') {
      socket.destroy();
      return;
    }
    socket.removeAllListeners('data').removeAllListeners('end');
    socket.resume().end(answer);
    socket.once('end', () => socket.destroy());
    setTimeout(() => socket.destroy(), patienceMs).unref();
  }

  #remember(pending: Pending): void {
    this.#waiting.add(pending);
    if (pending.origin === undefined) return;
    const same = this.#byAddress.get(pending.origin) ?? new Set();
    this.#byAddress.set(pending.origin, same.add(pending));
  }

  #forget(pending: Pending): void {
    clearTimeout(pending.timer);
    this.#waiting.delete(pending);
    const same = pending.origin === undefined ? undefined : this.#byAddress.get(pending.origin);
    same?.delete(pending);
    if (same?.size === 0) this.#byAddress.delete(pending.origin as string);
  }
}

function first(pending: Set<Pending>): Pending {
  return pending.values().next().value as Pending;
}

function clientAt({ address, port }: Endpoint): ProxiedClient {
  const text = addressText(address);
  return { address: text, family: text.includes(':') ? 'IPv6' : 'IPv4', port };
}
