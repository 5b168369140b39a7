import cluster from 'node:cluster';
import { EventEmitter } from 'node:events';
import { noticeTwin } from '../binding/native.js';
import type { BoundAddress, ListenAddress, RawHandle } from '../connection.js';
import type { ControlServer } from '../control/server.js';
import { publish } from '../diagnostics.js';
import type { LimpetError } from '../errors.js';
import type { Sockets } from '../handoff/sockets.js';
import { type CheckedRouterOptions, checkRouterOptions, type RouterOptions, slotsMax } from '../options.js';
import { deriveKey } from '../ring/secret.js';
import { SlotRing } from '../ring/slot-ring.js';
import { serveSessionMemory } from '../session/primary-memory.js';
import { openControl } from './control-commands.js';
import { Counters } from './counters.js';
import { type ClientExplanation, type ClientHead, explainClient } from './explain.js';
import { checkWorkerFile } from './fork.js';
import { Handoffs } from './handoffs.js';
import type { Listener } from './listener.js';
import { ListenerKeys } from './listener-key.js';
import { Listeners } from './listeners.js';
import type { ServerTraits, WorkerMessage } from './messages.js';
import { neighbourTable } from './neighbours.js';
import type { Occupant } from './occupant.js';
import { OneAddressWatch } from './one-address.js';
import { closedError, notThePrimary, takenOver } from './refusals.js';
import { Rounds } from './rounds.js';
import { RouterAffinity } from './router-affinity.js';
import type { RouterEvents } from './router-events.js';
import { seated } from './scaling.js';
import { Seating } from './seating.js';
import { handleSignals } from './signals.js';
import { stumbled } from './start-failures.js';
import { Started } from './started.js';
import { type RingStatus, type RouterStatus, ringStatusOf, statusOf } from './status.js';
import { Succession } from './succession.js';
import { Supervisor } from './supervisor.js';

/** Rows beyond two for each slot: processes that drain slowly through several reloads. */
const spareRows = 64;

/**
 * A router: listens, keeps a process in every slot, and brings each client to its own. Made by `createRouter()`; it emits what
 * {@link RouterEvents} lists.
 */
export class Router extends EventEmitter<RouterEvents> {
  readonly options: CheckedRouterOptions;
  /**
   * For servers of limpet's own that stand beside the router, and go on in its successor.
   * @internal
   */
  readonly sockets: Sockets;
  readonly #succession: Succession;
  readonly #startedAt: number = Date.now();
  readonly #ring: SlotRing;
  readonly #affinity: RouterAffinity;
  readonly #counters: Counters = new Counters();
  readonly #handoffs: Handoffs;
  readonly #supervisor: Supervisor;
  readonly #seating: Seating;
  readonly #rounds: Rounds = new Rounds();
  readonly #oneAddress: OneAddressWatch;
  readonly #listeners: Listeners;
  readonly #keys: ListenerKeys = new ListenerKeys();
  readonly #started: Started = new Started();
  #state: RouterStatus['state'] = 'starting';
  #closing: Promise<{ left: number }> | undefined;
  #forked = false;
  #unhandleSignals: (() => void) | undefined;
  #control: Promise<ControlServer | undefined> | undefined;

  /** Checks everything that can be checked before a process is forked. Throws ERR_LIMPET_OPTION, _ROLE or _WORKER_START. */
  constructor(options: RouterOptions = {}) {
    super();
    if (!cluster.isPrimary) throw notThePrimary();
    const checked = checkRouterOptions(options);
    checkWorkerFile(checked.exec ?? process.argv[1]);
    this.#succession = new Succession(checked);
    this.options = this.#succession.options;
    const { secret, sockets } = this.#succession;
    this.sockets = sockets;
    this.#affinity = new RouterAffinity(this.options, secret);
    this.#ring = new SlotRing({
      slots: this.options.workers,
      buckets: this.options.buckets,
      key: deriveKey(secret, 'ring', 8),
      ipv6Prefix: this.options.ipv6Prefix,
    });
    this.#handoffs = new Handoffs(this.options, this.#ring, this.#counters, this.#affinity, sockets);
    this.#oneAddress = new OneAddressWatch(() => this.#handoffs.busiest());
    this.#listeners = new Listeners(this.options, this.#handoffs, this);
    this.#supervisor = new Supervisor(this.options, slotsMax * 2 + spareRows, {
      inherit: (slot) => this.#handoffs.inherit(slot),
      message: (occupant, message, handle) => this.#message(occupant, message, handle),
      left: (occupant, gone) => this.#left(occupant, gone),
      stalled: (occupant, stalled) => this.#stalled(occupant, stalled),
      beat: (occupant, vitals) => this.#counters.beat(occupant, vitals),
      changed: (occupant) => this.#changed(occupant),
      crashLoop: (error) => this.#trouble(error),
      neverStarted: (error) => this.#fail(error),
    });
    this.#seating = new Seating(this.#ring, {
      ...this.options,
      listeners: () => this.#listeners.all(),
      seatedIn: (slot) => [...this.#supervisor.occupants()].find((each) => each.slot === slot && each.seated),
      changed: () => this.#tellNeighbours(),
      serves: (occupant) => this.#supervisor.ready(occupant, 'its servers are open'),
    });
  }

  /**
   * Forks the workers (before it returns) and resolves when the first serves. Rejects with ERR_LIMPET_WORKER_START when none
   * can be brought up; the router is then closed and no process is left.
   */
  start(): Promise<void> {
    if (this.#closing) return Promise.reject(closedError());
    if (!this.#forked) {
      this.#forked = true;
      noticeTwin();
      // Where a worker's sessions have neither Redis nor sqlite, they live here; nothing happens until one asks.
      serveSessionMemory();
      if (this.options.signals) this.#unhandleSignals = handleSignals(this);
      this.#succession.begin(this);
      this.#control = openControl(this, this.#succession.predecessor, (error) => this.#fail(error));
      this.#supervisor.start(this.options.workers);
    }
    return this.#started.promise;
  }

  /** Binds an address now, before any worker asks for it. Rejects with ERR_LIMPET_ADDRESS_*; then nothing is bound. */
  listen(address: ListenAddress, traits: ServerTraits = { kind: 'node', tls: false }): Promise<BoundAddress> {
    if (this.#closing) return Promise.reject(closedError());
    const listener = this.#listeners.get(this.#keys.of(address), address, traits);
    listener.declared = true;
    return listener.opened;
  }

  /** Where the listeners are bound, in the order in which they were asked for. */
  addresses(): BoundAddress[] {
    return [...this.#listeners].flatMap(({ bound }) => (bound ? [bound] : []));
  }

  /**
   * Which slot serves a client, and why: one of this address, as affinity by address has it, or one that sends this head, as the
   * router's own rules do. Throws ERR_LIMPET_ADDRESS.
   */
  explain(client: string | ClientHead): ClientExplanation {
    if (typeof client === 'object' && client !== null) {
      return explainClient(this.#affinity.of({ kind: 'node', tls: false }), this.#ring, client);
    }
    return { rule: 'address', client, ...this.#ring.explain(client) };
  }

  /** What the router is and does now. It is read in the primary; no worker is asked. */
  status(): RouterStatus {
    return statusOf({
      state: this.#state,
      startedAt: this.#startedAt,
      options: this.options,
      ring: this.#ring,
      counters: this.#counters,
      handoffs: this.#handoffs,
      listeners: [...this.#listeners],
      slots: this.#supervisor.slots,
    });
  }

  /** Which slot owns which bucket. */
  ring(): RingStatus {
    return ringStatusOf(this.#ring);
  }

  /**
   * Replaces every worker by a new process, `parallel` slots at a time, each new one ready before the old one drains: no
   * connection is refused, no client is moved. Resolves when all slots are served by new processes (old ones may still finish
   * what they have). Rejects with ERR_LIMPET_WORKER_START when a new process does not become ready: the old one then serves
   * on, and slots not yet reloaded stay as they are. A reload during another waits for it.
   */
  reload({ parallel = 1 }: { parallel?: number } = {}): Promise<void> {
    if (this.#closing) return Promise.reject(closedError());
    const slots = () => {
      this.emit('reloading');
      return this.#supervisor.slots.filter(({ retired }) => !retired).map(({ number }) => number);
    };
    const round = this.#rounds.run(slots, Math.max(1, parallel), (slot) => this.#supervisor.replace(slot));
    return round.finally(() => this.emit('reloaded'));
  }

  /**
   * Replaces this primary by a new one: the same command line, as it is on the disk now. The new one takes over the listening
   * sockets and starts its own workers; when all of them are ready they serve, this router closes, and, where `signals` is on, the
   * process ends. Nobody is refused, and clients keep their slots. Resolves with the new process. Rejects with ERR_LIMPET_UPGRADE when that
   * cannot be had here or the new one fails; then nothing has changed. Waits for a reload that is under way.
   */
  async upgrade(): Promise<{ pid: number }> {
    if (this.#closing) throw closedError();
    let pid = 0;
    const handOver = async () => {
      pid = await this.#succession.handOver(this.#ring.size);
      this.#rounds.end(takenOver(pid));
    };
    await this.#rounds.run(() => [0], 1, handOver);
    this.emit('upgraded', pid);
    // The answer to whoever asked goes first.
    setImmediate(() => this.#leaveTo(pid));
    return { pid };
  }

  /**
   * Changes the number of slots; only what the ring must move moves. Up: resolves when the new slots serve their share, or
   * rejects with ERR_LIMPET_WORKER_START and the number is as before. Down: the processes of the slots taken away drain.
   */
  async scale(workers: number): Promise<void> {
    checkRouterOptions({ workers, buckets: this.options.buckets });
    if (this.#closing) throw closedError();
    await this.#rounds.run(
      () => [0],
      1,
      () => this.#scale(workers),
    );
  }

  /**
   * Takes what waits in the kernel's queues, lets the workers finish, closes what is left after drainTimeoutMs, ends them.
   * Resolves when no process is left, with the number of connections that were closed unserved.
   */
  close(reason = 'the router closes'): Promise<{ left: number }> {
    this.#closing ??= this.#close(reason);
    return this.#closing;
  }

  /** Ends every worker at once; nothing is finished. */
  kill(reason = 'killed'): void {
    this.#supervisor.kill(reason);
  }

  async #scale(workers: number): Promise<void> {
    const before = this.#ring.size;
    if (workers < before) {
      await this.#seating.giveNotice(workers);
      this.#seating.resize(workers);
      await this.#listeners.provide(workers);
      this.#supervisor.retire(workers);
      return;
    }
    if (workers === before) return;
    await this.#listeners.provide(workers);
    const leaving = new Set([...this.#supervisor.occupants()].map(({ pid }) => pid));
    this.#supervisor.start(workers);
    const slots = Array.from({ length: workers - before }, (_, i) => before + i);
    try {
      await seated(this, slots, leaving);
    } catch (error) {
      await this.#listeners.provide(before);
      this.#supervisor.retire(before);
      throw error;
    }
    this.#seating.resize(workers);
  }

  async #leaveTo(pid: number): Promise<void> {
    await this.close(`process ${pid} has taken over`);
    if (this.options.signals) process.exit(0);
  }

  async #close(reason: string): Promise<{ left: number }> {
    this.#state = 'closing';
    this.#rounds.end(closedError());
    if (this.#succession.left) this.#closeControl();
    else this.emit('closing', reason);
    this.#succession.failed(reason);
    this.#oneAddress.end();
    this.#started.reject(closedError());
    const listeners = [...this.#listeners.all()];
    await Promise.allSettled(listeners.map(({ opened }) => opened));
    if (!this.#succession.left) await this.#seating.giveNotice(0);
    this.#seating.end();
    const serving = [...this.#supervisor.occupants()].some(({ seated }) => seated);
    const timeoutMs = serving ? this.options.drainTimeoutMs : 0;
    const left = await Promise.all(listeners.map(({ handoff }) => handoff.close(timeoutMs)));
    await this.#supervisor.close(reason);
    // Each that went has begun a grace.
    this.#seating.end();
    this.#handoffs.stop();
    this.#affinity.close();
    this.#unhandleSignals?.();
    this.#state = 'closed';
    this.#closeControl();
    this.emit('closed');
    return { left: left.reduce((sum, count) => sum + count, 0) };
  }

  async #closeControl(): Promise<void> {
    (await this.#control)?.close();
  }

  #message(occupant: Occupant, message: WorkerMessage, handle: RawHandle | undefined): void {
    switch (message.type) {
      case 'listen':
        this.#listen(occupant, message.key, message.address, message.server);
        break;
      case 'open':
        occupant.opened.add(message.listener);
        if (this.#seating.complete(occupant)) this.#admit(occupant);
        break;
      case 'handoff':
        for (const listener of this.#listeners.all()) {
          if (listener.id === message.listener) listener.received(occupant, message.body, handle);
        }
    }
  }

  #listen(occupant: Occupant, key: string, address: ListenAddress, traits: ServerTraits): void {
    occupant.asked.add(key);
    const refuse = ({ code, message }: LimpetError) =>
      occupant.send({ type: 'unbound', key, code, text: message });
    let listener: Listener;
    try {
      listener = this.#listeners.get(key, address, traits);
    } catch (error) {
      refuse(error as LimpetError);
      return;
    }
    listener.opened.then((bound) => {
      const affinity = this.#affinity.pass(this.#ring);
      const { spreadEvenly } = this.#affinity;
      occupant.send(this.#listeners.bound(listener, bound, traits, { affinity, spreadEvenly }));
    }, refuse);
  }

  async #admit(occupant: Occupant): Promise<void> {
    const inSlots = this.#supervisor.slots.filter(({ retired }) => !retired).map(({ current }) => current);
    const begins = this.#state === 'starting';
    try {
      for (const each of this.#succession.admit(occupant, inSlots)) await this.#take(each);
      if (!begins || this.#state !== 'serving') return;
      await this.#succession.serves();
      this.emit('serving');
    } catch (error) {
      this.#fail(error as LimpetError);
    }
  }

  #left(occupant: Occupant, gone: boolean): void {
    this.#seating.left(occupant, gone);
    // Before all are ready the old primary serves, and a new one that stumbles leaves it to that.
    if (gone && this.#succession.waiting && !this.#closing) this.#fail(stumbled(occupant));
  }

  async #take(occupant: Occupant): Promise<void> {
    const again = occupant.seated;
    await this.#seating.take(occupant);
    if (again || !occupant.seated) return;
    this.emit('ready', occupant.slot, occupant.pid);
    if (this.#state === 'closing') occupant.send({ type: 'notice' });
    if (this.#state !== 'starting') return;
    this.#state = 'serving';
    this.#started.resolve();
    // Siblings boot about as fast as the first did: what is not there a grace later does not hold up its clients.
    for (const { number, current } of this.#supervisor.slots) {
      if (!current?.seated) this.#seating.startGrace(number);
    }
  }

  #tellNeighbours(): void {
    if (!this.#affinity.rehomes || this.#closing) return;
    const occupants = [...this.#supervisor.occupants()];
    const table = neighbourTable(this.#ring, occupants);
    for (const occupant of occupants) occupant.send({ type: 'neighbours', table });
  }

  #changed(occupant: Occupant): void {
    const { slot, pid, life } = occupant;
    if (life.state === 'starting') this.emit('starting', slot, pid);
    if (life.state === 'draining' || life.state === 'gone') this.emit(life.state, slot, pid, life.reason);
  }

  #stalled(occupant: Occupant, stalled: boolean): void {
    this.emit('stalled', occupant.slot, occupant.pid, stalled);
    if (!occupant.seated) return;
    if (stalled) this.#seating.down(occupant.slot);
    else this.#seating.up(occupant.slot);
  }

  #fail(error: LimpetError): void {
    this.#started.reject(error);
    this.#succession.failed(error.message);
    this.#supervisor.kill(error.message);
    this.close(error.message).then(() => this.#trouble(error));
  }

  #trouble(error: LimpetError): void {
    publish('limpet:fault', () => ({ where: 'router', error }));
    if (this.listenerCount('error') > 0) this.emit('error', error);
  }
}
