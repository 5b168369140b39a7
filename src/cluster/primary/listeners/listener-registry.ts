import type { BoundAddress, ListenAddress, RawHandle } from '../../../connection.js';
import { LimpetError } from '../../../errors.js';
import type { CheckedRouterOptions } from '../../../options.js';
import type { SlotRing } from '../../../ring/slot-ring.js';
import type { OfType, PrimaryMessage, ServerTraits, WorkerMessage } from '../../protocol.js';
import type { Handoffs } from './handoffs.js';
import { Listener, type ListeningProcess } from './listener.js';
import type { RouterAffinity } from './router-affinity.js';

/** The number of the direct ports' listener: the last that there is. */
const directListener = 254;

/** Where it is told what became of each. */
interface ListenerEvents {
  emit(event: 'listening', bound: BoundAddress): boolean;
  emit(event: 'unbound', error: LimpetError): boolean;
}

/** The router's listeners, each made when it is first asked for; beside the first that has a port, the direct ones. */
export class ListenerRegistry implements Iterable<Listener> {
  readonly #options: CheckedRouterOptions;
  readonly #ring: SlotRing;
  readonly #affinity: RouterAffinity;
  readonly #handoffs: Handoffs;
  readonly #events: ListenerEvents;
  readonly #byKey: Map<string, Listener> = new Map();
  #made = 0;

  constructor(
    options: CheckedRouterOptions,
    ring: SlotRing,
    affinity: RouterAffinity,
    handoffs: Handoffs,
    events: ListenerEvents,
  ) {
    this.#options = options;
    this.#ring = ring;
    this.#affinity = affinity;
    this.#handoffs = handoffs;
    this.#events = events;
  }

  /** The shared ones, in the order in which they were asked for. */
  [Symbol.iterator](): Iterator<Listener> {
    return this.#byKey.values();
  }

  /** Those of direct ports too. */
  *all(): Generator<Listener> {
    for (const listener of this) {
      if (listener.direct) yield listener.direct;
      yield listener;
    }
  }

  /** Throws ERR_LIMPET_OPTION, _HANDOFF_UNSUPPORTED or _AFFINITY_TLS when there can be none such. */
  get(key: string, address: ListenAddress, traits: ServerTraits): Listener {
    const known = this.#byKey.get(key);
    if (known) return known;
    const candidates = this.#handoffs.options({ id: this.#made, key }, address, traits);
    const listener = new Listener(this.#made++, key, candidates, this.#directBeside(address, traits));
    this.#byKey.set(key, listener);
    listener.opened.then(
      (bound) => this.#events.emit('listening', bound),
      (error: LimpetError) => {
        this.#byKey.delete(key);
        this.#events.emit('unbound', error);
      },
    );
    return listener;
  }

  /** Gives each of the first `slots` its direct port, and takes those of the others away. Rejects with ERR_LIMPET_ADDRESS_*. */
  async openDirectPorts(slots: number): Promise<void> {
    for (const { direct } of this) await direct?.handoff.openDirectPorts?.(slots);
  }

  /** An app in a process listens: tells the process when the address is bound, or why it cannot be. */
  ask(worker: ListeningProcess, { key, address, server }: OfType<WorkerMessage, 'listen'>): void {
    worker.asked.add(key);
    const refuse = ({ code, message }: LimpetError) =>
      worker.send({ type: 'unbound', key, code, text: message });
    let listener: Listener;
    try {
      listener = this.get(key, address, server);
    } catch (error) {
      refuse(error as LimpetError);
      return;
    }
    listener.opened.then((bound) => worker.send(this.#bound(listener, bound, server)), refuse);
  }

  /** What a process's half of a handoff says to the one here. */
  received(
    worker: ListeningProcess,
    { listener: id, body }: OfType<WorkerMessage, 'handoff'>,
    handle?: RawHandle,
  ): void {
    for (const listener of this.all()) {
      if (listener.id === id) listener.received(worker, body, handle);
    }
  }

  /** What a process must be told to open its half of the listener, bound at `address`. */
  #bound(
    { id, key, choice, direct }: Listener,
    address: BoundAddress,
    { tls }: ServerTraits,
  ): PrimaryMessage {
    const affinity = this.#affinity.pass(this.#ring);
    const { spreadEvenly } = this.#affinity;
    const { stallTimeoutMs, maxLoad, healthPath, directPort } = this.#options;
    return {
      type: 'bound',
      key,
      listener: id,
      address,
      handoff: choice.name,
      direct: direct && { listener: direct.id, handoff: direct.choice.name, base: directPort as number },
      settings: {
        stallTimeoutMs,
        loadCounts: maxLoad > 0 || spreadEvenly,
        loadBounded: maxLoad > 0 && !tls,
        affinity,
        healthPath,
      },
    };
  }

  #directBeside(address: ListenAddress, { kind }: ServerTraits): Listener | undefined {
    const { directPort: base, directHost, workers } = this.#options;
    if (base === undefined || 'path' in address || [...this].some(({ direct }) => direct)) return undefined;
    if (address.port >= base && address.port < base + workers) throw overlaps(base, workers, address.port);
    const { backlog, host, ipv6Only } = address;
    const ports = { base, host: directHost ?? host, ipv6Only, backlog, fallback: kind === 'node' };
    const candidates = this.#handoffs.directOptions(directListener, ports);
    return new Listener(directListener, `direct:${base}`, candidates);
  }
}

function overlaps(base: number, workers: number, port: number): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_OPTION',
    `option directPort: ${base} to ${base + workers - 1} would be the workers' own ports, and ${port} is the shared one. Choose ports apart.`,
    { option: 'directPort', value: base, workers, port },
  );
}
