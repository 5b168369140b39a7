import cluster from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { bindingReport, noticeTwin } from '../binding/native.js';
import type { BoundAddress, ListenAddress, RawHandle } from '../connection.js';
import { publish } from '../diagnostics.js';
import { LimpetError } from '../errors.js';
import { type CheckedRouterOptions, checkRouterOptions, type RouterOptions } from '../options.js';
import { deriveKey } from '../ring/secret.js';
import { type AddressExplanation, SlotRing } from '../ring/slot-ring.js';
import { Counters } from './counters.js';
import { Listener } from './listener.js';
import { ListenerKeys } from './listener-key.js';
import type { ServerTraits, WorkerMessage } from './messages.js';
import type { Occupant } from './occupant.js';
import { handleSignals } from './signals.js';
import type { ProcessStatus, RouterStatus, SlotStatus } from './status.js';
import { Supervisor } from './supervisor.js';

export interface RouterEvents {
  /** A listener is bound. */
  listening: [address: BoundAddress];
  /** A slot's process is given its clients. */
  ready: [slot: number, pid: number | undefined];
  /** A slot's process ended, whatever the reason. */
  gone: [slot: number, pid: number | undefined, reason: string];
  /** The router cannot go on, or something needs a person (a crash loop). Never emitted without a listener. */
  error: [error: LimpetError];
  closed: [];
}

/** Rows beyond two for each slot: processes that drain slowly through several reloads. */
const spareRows = 64;

/**
 * The primary's whole: listeners, ring, supervisor. Connections flow from a listener's handoff to the processes that the
 * supervisor keeps in the slots; the ring, which this class alone changes, says to which.
 */
export class Router extends EventEmitter<RouterEvents> {
  readonly options: CheckedRouterOptions;
  readonly #startedAt: number = Date.now();
  readonly #ring: SlotRing;
  readonly #counters: Counters = new Counters();
  readonly #supervisor: Supervisor;
  readonly #listeners: Map<string, Listener> = new Map();
  readonly #keys: ListenerKeys = new ListenerKeys();
  readonly #grace: Map<number, NodeJS.Timeout> = new Map();
  readonly #started: Started = new Started();
  #state: RouterStatus['state'] = 'starting';
  #closing: Promise<{ left: number }> | undefined;
  #forked = false;
  #signals: (() => void) | undefined;

  /** Checks everything that can be checked before a process is forked. Throws ERR_LIMPET_OPTION, _ROLE or _WORKER_START. */
  constructor(options: RouterOptions = {}) {
    super();
    if (!cluster.isPrimary) {
      throw new LimpetError(
        'ERR_LIMPET_ROLE',
        'createRouter() was called in a worker. Call it in the primary, and limpet.listen() in the worker.',
      );
    }
    this.options = checkRouterOptions(options);
    const file = this.options.exec ?? process.argv[1];
    if (file === undefined || !workerFileExists(file)) {
      throw new LimpetError(
        'ERR_LIMPET_WORKER_START',
        file === undefined
          ? 'there is no file for the workers to run. Give exec, the path of the worker file.'
          : `the worker file ${file} does not exist. Check the option exec.`,
        { exec: file },
      );
    }
    const secret = this.options.secret ?? randomBytes(32).toString('hex');
    this.#ring = new SlotRing({
      slots: this.options.workers,
      buckets: this.options.buckets,
      key: deriveKey(secret, 'ring', 8),
      ipv6Prefix: this.options.ipv6Prefix,
    });
    this.#supervisor = new Supervisor(this.options, this.options.workers * 2 + spareRows, {
      inherit: () => [],
      message: (occupant, message, handle) => this.#message(occupant, message, handle),
      left: (occupant, gone) => this.#left(occupant, gone),
      stalled: (occupant, stalled) => this.#stalled(occupant, stalled),
      changed: (occupant) => {
        if (occupant.life.state === 'gone')
          this.emit('gone', occupant.slot, occupant.pid, occupant.life.reason);
      },
      crashLoop: (_slot, error) => this.#trouble(error),
      neverStarted: (error) => this.#fail(error),
    });
  }

  /**
   * Forks the workers (before it returns) and resolves when the first serves. Rejects with ERR_LIMPET_WORKER_START when none
   * can be brought up, or with what a listener could not bind; the router is then closed and no process is left.
   */
  start(): Promise<void> {
    if (this.#closing) return Promise.reject(closedError());
    if (!this.#forked) {
      this.#forked = true;
      noticeTwin();
      if (this.options.signals) this.#signals = handleSignals(this);
      this.#supervisor.start(this.options.workers);
    }
    return this.#started.promise;
  }

  /** Binds an address now, before any worker asks for it. Rejects with ERR_LIMPET_ADDRESS_*; then nothing is bound. */
  listen(address: ListenAddress, traits: ServerTraits = { kind: 'node', tls: false }): Promise<BoundAddress> {
    if (this.#closing) return Promise.reject(closedError());
    const listener = this.#listener(this.#keys.of(address), address, traits);
    listener.declared = true;
    return listener.opened;
  }

  /** Where the listeners are bound, in the order in which they were asked for. */
  addresses(): BoundAddress[] {
    return [...this.#listeners.values()].flatMap(({ bound }) => (bound ? [bound] : []));
  }

  /** Which slot serves a client address, and why. Throws ERR_LIMPET_ADDRESS. */
  explain(address: string): AddressExplanation {
    return this.#ring.explain(address);
  }

  status(): RouterStatus {
    const listeners = [...this.#listeners.values()];
    const shares = this.#ring.shares();
    const handedInAll = this.#supervisor.slots.reduce(
      (sum, { number }) => sum + this.#counters.of(number).handed,
      0,
    );
    return {
      pid: process.pid,
      state: this.#state,
      uptimeMs: Date.now() - this.#startedAt,
      affinity: this.options.affinity,
      handoff: listeners[0]?.choice,
      binding: bindingReport(),
      ring: { buckets: this.options.buckets, slots: this.options.workers },
      listeners: listeners.map(({ bound, choice }) => ({ address: bound, handoff: choice })),
      slots: this.#supervisor.slots.map((slot): SlotStatus => {
        const counters = this.#counters.of(slot.number);
        return {
          slot: slot.number,
          ...processStatus(slot.current),
          down: this.#ring.isDown(slot.number),
          leaving: [...slot.leaving].map(processStatus),
          restarts: slot.respawn.count,
          lastRestarts: [...slot.respawn.restarts],
          share: shares[slot.number] ?? 0,
          realShare: handedInAll === 0 ? 0 : counters.handed / handedInAll,
          handed: counters.handed,
          diverted: counters.diverted,
          queued: listeners.reduce((sum, { handoff }) => sum + handoff.queued(slot.number), 0),
          refused: { ...counters.refused },
        };
      }),
    };
  }

  /**
   * Takes what waits in the kernel's queues, lets the workers finish, closes what is left after drainTimeoutMs, ends them.
   * Resolves when no process is left, with the number of connections that were closed unserved.
   */
  close(reason = 'closing'): Promise<{ left: number }> {
    this.#closing ??= this.#close(reason);
    return this.#closing;
  }

  /** Ends every worker at once; nothing is finished. */
  kill(reason = 'killed'): void {
    this.#supervisor.kill(reason);
  }

  async #close(reason: string): Promise<{ left: number }> {
    this.#state = 'closing';
    for (const timer of this.#grace.values()) clearTimeout(timer);
    this.#started.reject(closedError());
    const listeners = [...this.#listeners.values()];
    await Promise.allSettled(listeners.map(({ opened }) => opened));
    const serving = [...this.#supervisor.occupants()].some(({ seated }) => seated);
    const timeoutMs = serving ? this.options.drainTimeoutMs : 0;
    const left = await Promise.all(listeners.map(({ handoff }) => handoff.close(timeoutMs)));
    await this.#supervisor.close(reason);
    this.#signals?.();
    this.#state = 'closed';
    this.emit('closed');
    return { left: left.reduce((sum, count) => sum + count, 0) };
  }

  #listener(key: string, address: ListenAddress, traits: ServerTraits): Listener {
    const known = this.#listeners.get(key);
    if (known) return known;
    const listener = new Listener(
      this.#listeners.size,
      key,
      address,
      traits,
      this.options,
      this.#ring,
      this.#counters,
    );
    this.#listeners.set(key, listener);
    listener.opened.then(
      (bound) => this.emit('listening', bound),
      () => this.#listeners.delete(key),
    );
    return listener;
  }

  #message(occupant: Occupant, message: WorkerMessage, handle: RawHandle | undefined): void {
    switch (message.type) {
      case 'listen':
        this.#listen(occupant, message.key, message.address, message.server);
        break;
      case 'open':
        occupant.opened.add(message.listener);
        this.#seatIfComplete(occupant);
        break;
      case 'handoff':
        this.#listenerById(message.listener)?.received(occupant, message.body, handle);
    }
  }

  #listen(occupant: Occupant, key: string, address: ListenAddress, traits: ServerTraits): void {
    occupant.asked.add(key);
    let listener: Listener;
    try {
      listener = this.#listener(key, address, traits);
    } catch (error) {
      const { code, message } = error as LimpetError;
      occupant.send({ type: 'unbound', key, code, text: message });
      return;
    }
    listener.opened.then(
      (bound) => {
        const claimAfterMs = this.options.stallTimeoutMs === 0 ? 86_400_000 : this.options.stallTimeoutMs / 2;
        occupant.send({
          type: 'bound',
          key,
          listener: listener.id,
          address: bound,
          handoff: listener.choice.name,
          settings: { claimAfterMs },
        });
      },
      (error: LimpetError) => occupant.send({ type: 'unbound', key, code: error.code, text: error.message }),
    );
  }

  #listenerById(id: number): Listener | undefined {
    for (const listener of this.#listeners.values()) if (listener.id === id) return listener;
    return undefined;
  }

  /** A process takes its slot once it has opened every listener that the primary declared or that its app asked for. */
  #seatIfComplete(occupant: Occupant): void {
    if (occupant.life.state !== 'starting' && occupant.life.state !== 'ready') return;
    const listeners = [...this.#listeners.values()];
    const missing = listeners.some(
      ({ id, key, declared }) => (declared || occupant.asked.has(key)) && !occupant.opened.has(id),
    );
    if (missing) return;
    clearTimeout(this.#grace.get(occupant.slot));
    this.#grace.delete(occupant.slot);
    this.#supervisor.ready(occupant);
    this.#up(occupant.slot);
    for (const listener of listeners) if (occupant.opened.has(listener.id)) listener.seat(occupant);
    if (occupant.seated) return;
    occupant.seated = true;
    occupant.send({ type: 'seated' });
    this.emit('ready', occupant.slot, occupant.pid);
    if (this.#state === 'starting') {
      this.#state = 'serving';
      this.#started.resolve();
      // Siblings boot about as fast as the first did: what is not there a grace later does not hold up its clients.
      for (const { number, current } of this.#supervisor.slots)
        if (!current?.seated) this.#startGrace(number);
    }
  }

  #left(occupant: Occupant, gone: boolean): void {
    for (const listener of this.#listeners.values()) listener.unseat(occupant, gone);
    if (!occupant.seated) return;
    occupant.seated = false;
    if (!this.#closing) this.#startGrace(occupant.slot);
  }

  #startGrace(slot: number): void {
    if (this.#grace.has(slot)) return;
    const timer = setTimeout(() => this.#down(slot), this.options.respawnGraceMs);
    this.#grace.set(slot, timer);
  }

  #stalled(occupant: Occupant, stalled: boolean): void {
    if (!occupant.seated) return;
    if (stalled) this.#down(occupant.slot);
    else this.#up(occupant.slot);
  }

  #down(slot: number): void {
    this.#ring.down(slot);
    for (const { handoff } of this.#listeners.values()) handoff.retable(this.#ring);
  }

  #up(slot: number): void {
    if (!this.#ring.isDown(slot)) return;
    this.#ring.up(slot);
    for (const { handoff } of this.#listeners.values()) handoff.retable(this.#ring);
  }

  #fail(error: LimpetError): void {
    this.#started.reject(error);
    this.#supervisor.kill(error.message);
    this.#trouble(error);
    this.close(error.message).catch(() => {});
  }

  #trouble(error: LimpetError): void {
    publish('limpet:fault', () => ({ where: 'router', error }));
    if (this.listenerCount('error') > 0) this.emit('error', error);
  }
}

/** A promise that may be rejected before anybody looks at it. */
class Started {
  resolve: () => void = () => {};
  reject: (error: LimpetError) => void = () => {};
  readonly promise: Promise<void> = new Promise((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
  constructor() {
    this.promise.catch(() => {});
  }
}

function processStatus(occupant: Occupant | undefined): ProcessStatus {
  return {
    pid: occupant?.pid,
    state: occupant?.life.state ?? 'gone',
    reason: occupant?.life.reason ?? 'waiting for its next try',
    since: occupant?.life.since ?? 0,
    uptimeMs: occupant ? Date.now() - occupant.life.startedAt : 0,
    stalled: occupant?.stalled ?? false,
    open: occupant?.vitals?.open ?? 0,
    lagMs: occupant?.vitals?.lagMs ?? 0,
    rssBytes: occupant?.vitals?.rssBytes ?? 0,
  };
}

function workerFileExists(file: string): boolean {
  // As Node resolves its main file: the path itself, with an extension, or a folder.
  return ['', '.js', '.cjs', '.mjs', '.json', '.node'].some((extension) =>
    existsSync(resolve(file) + extension),
  );
}

function closedError(): LimpetError {
  return new LimpetError('ERR_LIMPET_CLOSED', 'the router is closed. Make a new one with createRouter().');
}
