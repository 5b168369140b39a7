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
import { acceptorMissing, chooseHandoffs, type HandoffOption } from './handoff-choice.js';
import type { RouterAffinity } from './router-affinity.js';

/** The router's number of a listener, and the key that names its sockets from one primary to the next. */
interface ListenerName {
  readonly id: number;
  readonly key: string;
}

/** Makes the handoffs of every listener, and owns what they share: the acceptor thread and the count of the busiest client. */
export class Handoffs {
  readonly #options: CheckedRouterOptions;
  readonly #ring: SlotRing;
  readonly #counters: Counters;
  readonly #affinity: RouterAffinity;
  readonly #sockets: ListeningSockets;
  readonly #acceptor: Acceptor | undefined;
  /** The reason why there is no acceptor, although the option `handoff` allows one. */
  readonly #noAcceptor: string | undefined;
  readonly #busiest: BusiestClient = new BusiestClient();

  /** Throws ERR_LIMPET_HANDOFF_UNSUPPORTED if the option `handoff` needs an acceptor thread and this system has none. */
  constructor(
    options: CheckedRouterOptions,
    ring: SlotRing,
    counters: Counters,
    affinity: RouterAffinity,
    sockets: ListeningSockets,
  ) {
    this.#options = options;
    this.#ring = ring;
    this.#counters = counters;
    this.#affinity = affinity;
    this.#sockets = sockets;
    if (options.handoff === 'ipc') return;
    try {
      const binding = handoffBinding();
      const settings = { ...options, spreadEvenly: affinity.spreadEvenly };
      if (binding) this.#acceptor = new Acceptor(binding, ring, settings, sockets);
      else this.#noAcceptor = `no native addon: ${bindingReport().reason}`;
    } catch (error) {
      if (error instanceof LimpetError) throw error;
      this.#noAcceptor = `the acceptor cannot start: ${(error as Error).message}`;
    }
    if (this.#noAcceptor !== undefined && options.handoff !== 'auto') {
      throw acceptorMissing(options.handoff, this.#noAcceptor);
    }
  }

  /** The handoffs that may serve the listener, best first. Throws ERR_LIMPET_HANDOFF_UNSUPPORTED or _AFFINITY_TLS if there is none. */
  optionsFor({ id, key }: ListenerName, address: ListenAddress, server: ServerTraits): HandoffOption[] {
    const affinity = this.#affinity.compile(server);
    const chain = affinity.peeks ? affinity.chain : undefined;
    const choices = chooseHandoffs({
      wanted: this.#options.handoff,
      noAcceptor: this.#noAcceptor,
      readingAffinity: chain && this.#affinity.label,
      isLoadBounded: this.#options.maxLoad > 0,
      isSocketManaged: this.#sockets.inheritedFor(key, address)?.managed ?? false,
      server: server.kind,
    });
    return choices.map((choice) => ({
      ...choice,
      handoff: this.#make(choice.name, { id, key }, address, chain),
    }));
  }

  /** The handoff of direct ports: `fd` if there is an acceptor, else `ipc`. The shared port's handoff does not matter. */
  directOptionsFor(listener: number, ports: DirectPorts): HandoffOption[] {
    const acceptor = this.#acceptor;
    const reason = 'each slot has its own port';
    return acceptor
      ? [{ name: 'fd', reason, handoff: new DirectPrimary(this.#ring, acceptor, listener, ports) }]
      : [{ name: 'ipc', reason, handoff: this.#makeIpc('', directAddress(ports, 0), undefined, ports) }];
  }

  /** The descriptors that a process of the slot inherits. The acceptor owns them. */
  inheritedDescriptors(slot: number): readonly number[] {
    return this.#acceptor?.inheritedDescriptors(slot) ?? [];
  }

  /** The counts of the acceptor and of the worker processes for the slot. Undefined without an acceptor. */
  counts(slot: number): AcceptorCounts | undefined {
    return this.#acceptor?.counts(slot);
  }

  /** Connections open in a process now. Undefined if only the process knows. */
  openIn(workerIndex: number): number | undefined {
    return this.#acceptor?.openIn(workerIndex);
  }

  /** The numbers of connections that were placed by address, and of those that the busiest client made. Primary, acceptor and workers count apart. */
  *busiest(): ReturnType<BusiestCounts> {
    const { seen, count } = this.#busiest;
    yield ['primary', { seen, count }];
    if (this.#acceptor) yield* this.#acceptor.busiest();
  }

  /** Connections that were closed before a slot was chosen, by reason. */
  rejectedBeforeRouting(): Record<string, number> {
    return sumOf(this.#counters.rejectionsBeforeRouting, this.#acceptor?.thread.refused() ?? {});
  }

  /** Stops the acceptor. Call it when every listener is closed and every process is gone. */
  stop(): void {
    this.#acceptor?.stop();
  }

  #make(
    name: HandoffName,
    { id, key }: ListenerName,
    address: ListenAddress,
    chain: AffinityChain | undefined,
  ): PrimaryHandoff {
    const acceptor = this.#acceptor;
    if (name === 'ipc' || !acceptor) return this.#makeIpc(key, address, chain);
    const listener = { listener: id, key, address, chain: chain && headBinding().compile(chain) };
    return name === 'kernel'
      ? new KernelPrimary(this.#ring, acceptor, listener)
      : new FdPrimary(acceptor, listener);
  }

  #makeIpc(
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
