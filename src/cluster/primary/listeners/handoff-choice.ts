import { handoffBinding } from '../../../binding/handoff-binding.js';
import { headBinding } from '../../../binding/head-binding.js';
import { bindingReport } from '../../../binding/native.js';
import type { AffinityChain } from '../../../binding/typescript/affinity-chain.js';
import type { ListenAddress } from '../../../connection.js';
import { LimpetError } from '../../../errors.js';
import { Acceptor } from '../../../handoff/acceptor.js';
import type { AcceptorCounts } from '../../../handoff/acceptor-counters.js';
import { BusiestClient, type BusiestCounts } from '../../../handoff/busiest-client.js';
import type { HandoffName, PrimaryHandoff } from '../../../handoff/contract.js';
import { DirectPrimary } from '../../../handoff/direct/primary.js';
import { FdPrimary } from '../../../handoff/fd/primary.js';
import { IpcPrimary } from '../../../handoff/ipc/primary.js';
import { KernelPrimary } from '../../../handoff/kernel/primary.js';
import { type DirectPorts, directAddress } from '../../../handoff/listen-address.js';
import type { ListeningSockets } from '../../../handoff/listening-sockets.js';
import type { CheckedRouterOptions } from '../../../options.js';
import type { SlotRing } from '../../../ring/slot-ring.js';
import type { ServerTraits } from '../../protocol.js';
import { type Counters, sumOf } from '../counters.js';
import type { RouterAffinity } from './router-affinity.js';

/** A handoff that may serve a listener; whether it can is known when it opens. */
export interface HandoffOption {
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
  readonly #sockets: ListeningSockets;
  readonly #acceptor: Acceptor | undefined;
  readonly #busiest: BusiestClient = new BusiestClient();
  /** Why there is nothing but `ipc`. */
  readonly #onlyIpc: string = '';

  /** Throws ERR_LIMPET_HANDOFF_UNSUPPORTED when the one that the options ask for needs what is not here. */
  constructor(
    options: CheckedRouterOptions,
    ring: SlotRing,
    counters: Counters,
    affinity: RouterAffinity,
    sockets: ListeningSockets,
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
        this.#acceptor = new Acceptor(
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
    if (this.#acceptor === undefined && options.handoff !== 'auto') {
      throw new LimpetError(
        'ERR_LIMPET_HANDOFF_UNSUPPORTED',
        `handoff ${options.handoff} cannot be had: ${this.#onlyIpc}. Use 'auto' or 'ipc'.`,
        { handoff: options.handoff, reason: this.#onlyIpc },
      );
    }
  }

  /** In the order in which they are to be tried: the one asked for, or all that there are. */
  *options(
    { id, key }: ListenerName,
    address: ListenAddress,
    traits: ServerTraits,
  ): Generator<HandoffOption> {
    const wanted = this.#options.handoff;
    const acceptor = this.#acceptor;
    const affinity = this.#affinity.of(traits);
    const chain = affinity.peeks ? affinity.chain : undefined;
    const bounded = this.#options.maxLoad > 0;
    const managed = this.#sockets.inheritedFor(key, address)?.managed ?? false;
    const on = { listener: id, key, address, chain: chain && headBinding().compile(chain) };
    if (acceptor && (wanted === 'kernel' || wanted === 'auto')) {
      const refusal = chain
        ? mustPeek(this.#affinity.label)
        : bounded
          ? mustCount()
          : managed
            ? mustJoin()
            : undefined;
      if (!refusal) yield { name: 'kernel', handoff: new KernelPrimary(this.#ring, acceptor, on) };
      else if (wanted === 'kernel') throw refusal;
    }
    if (acceptor && (wanted === 'fd' || wanted === 'auto')) {
      const fd = new FdPrimary(acceptor, on);
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
      if (wanted === 'ipc' || !acceptor) throw mustGiveBack(this.#affinity.label);
      return;
    }
    if (wanted === 'ipc' || wanted === 'auto') {
      const ipc = { name: 'ipc', handoff: this.#ipc(key, address, chain) } as const;
      yield this.#onlyIpc ? { ...ipc, reason: this.#onlyIpc } : ipc;
    }
  }

  /** For direct ports there is one way: by descriptor where there is an acceptor, whatever the shared port has. */
  *directOptions(listener: number, direct: DirectPorts): Generator<HandoffOption> {
    const acceptor = this.#acceptor;
    const reason = 'to each slot by its port';
    if (acceptor) {
      yield { name: 'fd', handoff: new DirectPrimary(this.#ring, acceptor, listener, direct), reason };
    } else {
      yield { name: 'ipc', handoff: this.#ipc('', directAddress(direct, 0), undefined, direct), reason };
    }
  }

  /** The descriptors that a process of the slot inherits. */
  inheritedDescriptors(slot: number): readonly number[] {
    return this.#acceptor?.inheritedDescriptors(slot) ?? [];
  }

  /** What the page says of a slot; undefined where there is none. */
  counts(slot: number): AcceptorCounts | undefined {
    return this.#acceptor?.counts(slot);
  }

  /** Connections open in a process, now; undefined where only the process knows. */
  openIn(workerIndex: number): number | undefined {
    return this.#acceptor?.openIn(workerIndex);
  }

  /** What the busiest client has made of the connections that were placed by their address, at each place that sees some. */
  *busiest(): ReturnType<BusiestCounts> {
    const { seen, count } = this.#busiest;
    yield ['primary', { seen, count }];
    if (this.#acceptor) yield* this.#acceptor.busiest();
  }

  /** Connections closed before they could be placed, by reason. */
  rejectedBeforeRouting(): Record<string, number> {
    return sumOf(this.#counters.rejectionsBeforeRouting, this.#acceptor?.thread.refused() ?? {});
  }

  /** When every listener is closed and every process gone. */
  stop(): void {
    this.#acceptor?.stop();
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
      rejected: (refusal) => this.#counters.rejectedBeforeRouting(refusal),
      newClients: this.#options.spread,
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
