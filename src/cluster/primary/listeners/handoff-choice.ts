import { handoffBinding } from '../../../binding/handoff-binding.js';
import { headBinding } from '../../../binding/head-binding.js';
import { bindingReport } from '../../../binding/native.js';
import type { AffinityChain } from '../../../binding/typescript/affinity-chain.js';
import type { ListenAddress } from '../../../connection.js';
import { LimpetError } from '../../../errors.js';
import { Exchange, type ExchangeCounts } from '../../../handoff/acceptor.js';
import { BusiestClient, type BusiestCounts } from '../../../handoff/busiest-client.js';
import type { HandoffName, PrimaryHandoff } from '../../../handoff/contract.js';
import { DirectPrimary } from '../../../handoff/direct/primary.js';
import { type DirectPorts, directAddress } from '../../../handoff/direct-ports.js';
import { FdPrimary } from '../../../handoff/fd/primary.js';
import { IpcPrimary } from '../../../handoff/ipc/primary.js';
import { KernelPrimary } from '../../../handoff/kernel/primary.js';
import type { Sockets } from '../../../handoff/listening-sockets.js';
import type { CheckedRouterOptions } from '../../../options.js';
import type { SlotRing } from '../../../ring/slot-ring.js';
import type { ServerTraits } from '../../protocol.js';
import { type Counters, sumOf } from '../counters.js';
import type { RouterAffinity } from './router-affinity.js';

/** A handoff that may serve a listener; whether it can is known when it opens. */
export interface Candidate {
  readonly name: HandoffName;
  readonly handoff: PrimaryHandoff;
  /** Why a better one is not among the candidates. */
  readonly reason?: string;
}

/** The router's number of a listener, and what its sockets are called from one primary to the next. */
interface ListenerName {
  readonly id: number;
  readonly key: string;
}

/** The handoffs that a router can have here, and what its native ones share. */
export class Handoffs {
  readonly #options: CheckedRouterOptions;
  readonly #ring: SlotRing;
  readonly #counters: Counters;
  readonly #affinity: RouterAffinity;
  readonly #sockets: Sockets;
  readonly #exchange: Exchange | undefined;
  readonly #busiest: BusiestClient = new BusiestClient();
  /** Why there is nothing but `ipc`. */
  readonly #onlyIpc: string = '';

  /** Throws ERR_LIMPET_HANDOFF_UNSUPPORTED when the one that the options ask for needs what is not here. */
  constructor(
    options: CheckedRouterOptions,
    ring: SlotRing,
    counters: Counters,
    affinity: RouterAffinity,
    sockets: Sockets,
  ) {
    this.#sockets = sockets;
    this.#options = options;
    this.#ring = ring;
    this.#counters = counters;
    this.#affinity = affinity;
    if (options.handoff === 'ipc') return;
    try {
      const binding = handoffBinding();
      if (binding)
        this.#exchange = new Exchange(
          binding,
          ring,
          { ...options, spreadEvenly: affinity.spreadEvenly },
          sockets,
        );
      else this.#onlyIpc = `no native addon: ${bindingReport().reason}`;
    } catch (error) {
      if (error instanceof LimpetError) throw error;
      this.#onlyIpc = `the acceptor cannot start: ${(error as Error).message}`;
    }
    if (this.#exchange === undefined && options.handoff !== 'auto') {
      throw new LimpetError(
        'ERR_LIMPET_HANDOFF_UNSUPPORTED',
        `handoff ${options.handoff} cannot be had: ${this.#onlyIpc}. Use 'auto' or 'ipc'.`,
        { handoff: options.handoff, reason: this.#onlyIpc },
      );
    }
  }

  /** In the order in which they are to be tried: the one asked for, or all that there are. */
  *candidates({ id, key }: ListenerName, address: ListenAddress, traits: ServerTraits): Generator<Candidate> {
    const wanted = this.#options.handoff;
    const exchange = this.#exchange;
    const affinity = this.#affinity.of(traits);
    const chain = affinity.peeks ? affinity.chain : undefined;
    const bounded = this.#options.maxLoad > 0;
    const managed = this.#sockets.givenFor(key, address)?.managed ?? false;
    const on = { listener: id, key, address, chain: chain && headBinding().compile(chain) };
    if (exchange && (wanted === 'kernel' || wanted === 'auto')) {
      const refusal = chain
        ? mustPeek(this.#affinity.label)
        : bounded
          ? mustCount()
          : managed
            ? mustJoin()
            : undefined;
      if (!refusal) yield { name: 'kernel', handoff: new KernelPrimary(this.#ring, exchange, on) };
      else if (wanted === 'kernel') throw refusal;
    }
    if (exchange && (wanted === 'fd' || wanted === 'auto')) {
      const fd = new FdPrimary(exchange, on);
      const reason = chain
        ? `affinity by ${this.#affinity.label} must see what a client sends`
        : bounded
          ? 'maxLoad must know how many connections each worker has'
          : 'the service manager holds the listening socket, and no other can join it';
      yield (chain || bounded || managed) && wanted === 'auto'
        ? { name: 'fd', handoff: fd, reason }
        : { name: 'fd', handoff: fd };
    }
    // What was read of a connection cannot be given back to a server that takes bare descriptors.
    if (chain && traits.kind === 'uws') {
      if (wanted === 'ipc' || !exchange) throw mustGiveBack(this.#affinity.label);
      return;
    }
    if (wanted === 'ipc' || wanted === 'auto') {
      const ipc = { name: 'ipc', handoff: this.#ipc(key, address, chain) } as const;
      yield this.#onlyIpc ? { ...ipc, reason: this.#onlyIpc } : ipc;
    }
  }

  /** For direct ports there is one way: by descriptor where there is an acceptor, whatever the shared port has. */
  *directCandidates(listener: number, direct: DirectPorts): Generator<Candidate> {
    const exchange = this.#exchange;
    const reason = 'to each slot by its port';
    if (exchange) {
      yield { name: 'fd', handoff: new DirectPrimary(this.#ring, exchange, listener, direct), reason };
    } else {
      yield { name: 'ipc', handoff: this.#ipc('', directAddress(direct, 0), undefined, direct), reason };
    }
  }

  /** The descriptors that a process of the slot inherits. */
  inherit(slot: number): readonly number[] {
    return this.#exchange?.inherit(slot) ?? [];
  }

  /** What the page says of a slot; undefined where there is none. */
  counts(slot: number): ExchangeCounts | undefined {
    return this.#exchange?.counts(slot);
  }

  /** Connections open in a process, now; undefined where only the process knows. */
  openIn(row: number): number | undefined {
    return this.#exchange?.openIn(row);
  }

  /** What the busiest client has made of the connections that were placed by their address, at each place that sees some. */
  *busiest(): ReturnType<BusiestCounts> {
    const { seen, count } = this.#busiest;
    yield ['primary', { seen, count }];
    if (this.#exchange) yield* this.#exchange.busiest();
  }

  /** Connections closed before they could be placed, by reason. */
  unplaced(): Record<string, number> {
    return sumOf(this.#counters.unplacedBy, this.#exchange?.acceptor.refused() ?? {});
  }

  /** When every listener is closed and every process gone. */
  stop(): void {
    this.#exchange?.stop();
  }

  #ipc(
    key: string,
    address: ListenAddress,
    chain: AffinityChain | undefined,
    direct?: DirectPorts,
  ): IpcPrimary {
    return new IpcPrimary(this.#ring, {
      sockets: this.#sockets,
      key,
      address,
      direct,
      queueMax: this.#options.queueMax,
      refused: (slot, reason) => this.#counters.refused(slot, reason),
      handed: (slot, home) => this.#counters.handed(slot, home),
      taken: (slot, latencyMs) => this.#counters.taken(slot, latencyMs),
      pending: chain && { ...this.#options, chain },
      unplaced: (refusal) => this.#counters.unplaced(refusal),
      newcomers: this.#options.spread,
      busiest: this.#busiest,
      maxLoad: this.#options.maxLoad,
    });
  }
}

function mustPeek(affinity: string): LimpetError {
  return unsupported('kernel', `it never sees a byte of a connection, and affinity by ${affinity} must`);
}

function mustCount(): LimpetError {
  return unsupported('kernel', 'it does not know how many connections each worker has, and maxLoad must');
}

function mustJoin(): LimpetError {
  return unsupported('kernel', 'the service manager holds the listening socket, and no other can join it');
}

function mustGiveBack(affinity: string): LimpetError {
  return unsupported('ipc', `affinity by ${affinity} reads what uWebSockets.js could not be given back`);
}

function unsupported(handoff: HandoffName, reason: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_HANDOFF_UNSUPPORTED',
    `handoff ${handoff} cannot be had: ${reason}. Use 'auto', which takes the best that can.`,
    { handoff, reason },
  );
}
