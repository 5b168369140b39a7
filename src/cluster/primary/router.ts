import cluster from 'node:cluster';
import { EventEmitter } from 'node:events';
import { warnWithoutAddon } from '../../binding/native.js';
import type { BoundAddress, ListenAddress } from '../../connection.js';
import type { ControlServer } from '../../control/server.js';
import { publish } from '../../diagnostics.js';
import type { LimpetError } from '../../errors.js';
import type { ListeningSockets } from '../../handoff/listening-sockets.js';
import { type CheckedRouterOptions, checkRouterOptions, type RouterOptions } from '../../options.js';
import { deriveKey } from '../../ring/secret.js';
import { SlotRing } from '../../ring/slot-ring.js';
import { serveSessionMemory } from '../../session/local/primary-memory.js';
import type { ServerTraits } from '../protocol.js';
import { ListenerKeys } from '../protocol.js';
import { openControl } from './control-commands.js';
import { Counters } from './counters.js';
import { closedError, notThePrimary, takenOver } from './errors.js';
import { type ClientExplanation, type ClientHead, explainClient } from './explain.js';
import { Handoffs } from './listeners/handoff-choice.js';
import { ListenerRegistry } from './listeners/listener-registry.js';
import { RouterAffinity } from './listeners/router-affinity.js';
import { OneAddressWarning } from './one-address.js';
import { checkWorkerFile } from './pool/fork.js';
import { RollingQueue } from './pool/rolling-queue.js';
import { scaleTo } from './pool/scaling.js';
import { WorkerPool } from './pool/worker-pool.js';
import type { RouterEvents } from './router-events.js';
import { RouterState } from './router-state.js';
import { handleSignals } from './signals.js';
import { type RingStatus, type RouterStatus, ringStatusOf, statusOf } from './status.js';
import { Upgrade } from './upgrade/upgrade.js';

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
  readonly sockets: ListeningSockets;
  readonly #upgrade: Upgrade;
  readonly #state: RouterState = new RouterState();
  readonly #ring: SlotRing;
  readonly #affinity: RouterAffinity;
  readonly #counters: Counters = new Counters();
  readonly #handoffs: Handoffs;
  readonly #rollingQueue: RollingQueue = new RollingQueue();
  readonly #oneAddress: OneAddressWarning;
  readonly #listeners: ListenerRegistry;
  readonly #pool: WorkerPool;
  readonly #keys: ListenerKeys = new ListenerKeys();
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
    this.#upgrade = new Upgrade(checked);
    this.options = this.#upgrade.options;
    const { secret, sockets } = this.#upgrade;
    this.sockets = sockets;
    this.#affinity = new RouterAffinity(this.options, secret);
    this.#affinity.warnOfIdleRules();
    this.#ring = new SlotRing({
      slots: this.options.workers,
      buckets: this.options.buckets,
      key: deriveKey(secret, 'ring', 8),
      ipv6Prefix: this.options.ipv6Prefix,
    });
    this.#handoffs = new Handoffs(this.options, this.#ring, this.#counters, this.#affinity, sockets);
    this.#oneAddress = new OneAddressWarning(() => this.#handoffs.busiest());
    this.#listeners = new ListenerRegistry(this.options, this.#ring, this.#affinity, this.#handoffs, this);
    this.#pool = new WorkerPool(this, {
      options: this.options,
      ring: this.#ring,
      affinity: this.#affinity,
      counters: this.#counters,
      handoffs: this.#handoffs,
      listeners: this.#listeners,
      state: this.#state,
      upgrade: this.#upgrade,
      fail: (error) => this.#fail(error),
      trouble: (error) => this.#trouble(error),
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
      warnWithoutAddon();
      // Where a worker's sessions have neither Redis nor sqlite, they live here; nothing happens until one asks.
      serveSessionMemory();
      if (this.options.signals) this.#unhandleSignals = handleSignals(this);
      this.#upgrade.begin(this, () => this.status().slots.length);
      this.#control = openControl(this, this.#upgrade.oldPrimaryPid, (error) => this.#fail(error));
      this.#pool.supervisor.start(this.options.workers);
    }
    return this.#state.started;
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
      state: this.#state.state,
      startedAt: this.#state.startedAt,
      options: this.options,
      ring: this.#ring,
      counters: this.#counters,
      handoffs: this.#handoffs,
      listeners: [...this.#listeners],
      slots: this.#pool.supervisor.slots,
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
    const { supervisor } = this.#pool;
    const slots = () => {
      this.emit('reloading');
      return supervisor.slots.filter(({ retired }) => !retired).map(({ number }) => number);
    };
    const round = this.#rollingQueue.run(slots, Math.max(1, parallel), (slot) => supervisor.replace(slot));
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
      pid = await this.#upgrade.handOver(this.#ring.size);
      this.#rollingQueue.end(takenOver(pid));
    };
    await this.#rollingQueue.run(() => [0], 1, handOver);
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
    await this.#rollingQueue.run(
      () => [0],
      1,
      () => scaleTo(workers, this, this.#ring, this.#pool, this.#listeners),
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
    this.#pool.supervisor.kill(reason);
  }

  async #leaveTo(pid: number): Promise<void> {
    await this.close(`process ${pid} has taken over`);
    if (this.options.signals) process.exit(0);
  }

  async #close(reason: string): Promise<{ left: number }> {
    const { supervisor, assignment } = this.#pool;
    this.#state.state = 'closing';
    this.#rollingQueue.end(closedError());
    if (this.#upgrade.transferred) this.#closeControl();
    else this.emit('closing', reason);
    this.#upgrade.failed(reason);
    this.#oneAddress.end();
    this.#state.failed(closedError());
    const listeners = [...this.#listeners.all()];
    await Promise.allSettled(listeners.map(({ opened }) => opened));
    if (!this.#upgrade.transferred) await assignment.giveNotice(0);
    assignment.end();
    const serving = [...supervisor.workers()].some(({ attached }) => attached);
    const timeoutMs = serving ? this.options.drainTimeoutMs : 0;
    const left = await Promise.all(listeners.map(({ handoff }) => handoff.close(timeoutMs)));
    await supervisor.close(reason);
    // Each that went has begun a grace.
    assignment.end();
    this.#handoffs.stop();
    this.#affinity.close();
    this.#unhandleSignals?.();
    this.#state.state = 'closed';
    this.#closeControl();
    this.emit('closed');
    return { left: left.reduce((sum, count) => sum + count, 0) };
  }

  async #closeControl(): Promise<void> {
    (await this.#control)?.close();
  }

  #fail(error: LimpetError): void {
    this.#state.failed(error);
    this.#upgrade.failed(error.message);
    this.#pool.supervisor.kill(error.message);
    this.close(error.message).then(() => this.#trouble(error));
  }

  #trouble(error: LimpetError): void {
    publish('limpet:fault', () => ({ where: 'router', error }));
    if (this.listenerCount('error') > 0) this.emit('error', error);
  }
}
