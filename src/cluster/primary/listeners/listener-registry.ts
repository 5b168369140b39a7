import type { BoundAddress, ListenAddress, RawHandle } from '../../../connection.js';
import { LimpetError } from '../../../errors.js';
import type { CheckedRouterOptions } from '../../../options.js';
import type { SlotRing } from '../../../ring/slot-ring.js';
import type { OfType, PrimaryMessage, ServerTraits, WorkerMessage } from '../../protocol.js';
import type { RouterEventSink } from '../router-events.js';
import type { Handoffs } from './handoffs.js';
import { Listener, type ListeningProcess } from './listener.js';
import type { RouterAffinity } from './router-affinity.js';

/** The number of the listener of the direct ports. It is the highest that the acceptor knows; all below are for shared addresses. */
const directListener = 254;

/** The router's listeners. Each is made when it is first asked for. The first one with a port has the direct ports, too. */
export class ListenerRegistry implements Iterable<Listener> {
  readonly #options: CheckedRouterOptions;
  readonly #ring: SlotRing;
  readonly #affinity: RouterAffinity;
  readonly #handoffs: Handoffs;
  readonly #router: RouterEventSink;
  readonly #byKey: Map<string, Listener> = new Map();

  /** `router` emits `listening` and `unbound` for each listener. */
  constructor(
    options: CheckedRouterOptions,
    ring: SlotRing,
    affinity: RouterAffinity,
    handoffs: Handoffs,
    router: RouterEventSink,
  ) {
    this.#options = options;
    this.#ring = ring;
    this.#affinity = affinity;
    this.#handoffs = handoffs;
    this.#router = router;
  }

  /** The listeners of shared addresses, in the order in which they were asked for. */
  [Symbol.iterator](): Iterator<Listener> {
    return this.#byKey.values();
  }

  /** Every listener, that of the direct ports included. */
  *all(): Generator<Listener> {
    for (const listener of this) {
      if (listener.direct) yield listener.direct;
      yield listener;
    }
  }

  /**
   * The listener of the address. Makes it and begins to open it, if there is none. A listener that cannot be bound is forgotten, so
   * that the next call tries again. Throws ERR_LIMPET_OPTION, _HANDOFF_UNSUPPORTED or _AFFINITY_TLS, and ERR_LIMPET_ADDRESS_UNAVAILABLE
   * if the router has 254 listeners.
   */
  get(key: string, address: ListenAddress, server: ServerTraits): Listener {
    const known = this.#byKey.get(key);
    if (known) return known;
    const id = this.#freeId(key);
    const options = this.#handoffs.optionsFor({ id, key }, address, server);
    const listener = new Listener(id, key, options, this.#makeDirect(address, server));
    this.#byKey.set(key, listener);
    listener.opened.then(
      (bound) => this.#router.emit('listening', bound),
      (error: LimpetError) => {
        this.#byKey.delete(key);
        this.#router.emit('unbound', error);
      },
    );
    return listener;
  }

  /** Opens the direct ports of the first `slots` slots, and closes all others. Rejects with ERR_LIMPET_ADDRESS_*. */
  async openDirectPorts(slots: number): Promise<void> {
    for (const { direct } of this) await direct?.handoff.openDirectPorts?.(slots);
  }

  /** Answers a worker whose app called `listen()`: `bound` when the address is bound, or `unbound` with the error. */
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
    listener.opened.then((bound) => worker.send(this.#boundMessage(listener, bound, server)), refuse);
  }

  /** Passes a message from the worker half of a handoff to the listener that it is for. */
  received(
    worker: ListeningProcess,
    { listener: id, body }: OfType<WorkerMessage, 'handoff'>,
    handle?: RawHandle,
  ): void {
    for (const listener of this.all()) {
      if (listener.id === id) listener.received(worker, body, handle);
    }
  }

  /** All that a process needs to open its half of the listener. */
  #boundMessage(
    { id, key, choice, direct }: Listener,
    address: BoundAddress,
    { tls }: ServerTraits,
  ): PrimaryMessage {
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
        loadCounts: maxLoad > 0 || this.#affinity.spreadEvenly,
        loadBounded: maxLoad > 0 && !tls,
        affinity: this.#affinity.serializeSettings(this.#ring),
        healthPath,
      },
    };
  }

  /** The lowest number that no listener has. A listener that could not be bound has left its own. */
  #freeId(key: string): number {
    const used = new Set([...this].map(({ id }) => id));
    for (let id = 0; id < directListener; id++) if (!used.has(id)) return id;
    throw new LimpetError(
      'ERR_LIMPET_ADDRESS_UNAVAILABLE',
      `cannot listen on ${key}: the router has ${directListener} listeners, and that is the most. Listen on fewer addresses.`,
      { address: key, listeners: directListener },
    );
  }

  /** The listener of the direct ports, for the first shared address with a port. Undefined for every other address. */
  #makeDirect(address: ListenAddress, { kind }: ServerTraits): Listener | undefined {
    const { directPort: base, directHost, workers } = this.#options;
    if (base === undefined || 'path' in address || [...this].some(({ direct }) => direct)) return undefined;
    if (address.port >= base && address.port < base + workers) throw overlaps(base, workers, address.port);
    const { backlog, host, ipv6Only } = address;
    const ports = { base, host: directHost ?? host, ipv6Only, backlog, fallback: kind === 'node' };
    return new Listener(
      directListener,
      `direct:${base}`,
      this.#handoffs.directOptionsFor(directListener, ports),
    );
  }
}

function overlaps(base: number, workers: number, port: number): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_OPTION',
    `option directPort: ${base} to ${base + workers - 1} are the workers' own ports, and the shared port ${port} is one of them. Choose ports apart.`,
    { option: 'directPort', value: base, workers, port },
  );
}
