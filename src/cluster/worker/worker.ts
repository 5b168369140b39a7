import cluster, { type Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';
import type { AppServer } from '../../adapter/contract.js';
import type { CookieIssuer } from '../../affinity/cookie.js';
import { type HandoffBinding, handoffBinding } from '../../binding/handoff-binding.js';
import type { ListenAddress } from '../../connection.js';
import { publish } from '../../diagnostics.js';
import { LimpetError } from '../../errors.js';
import { WorkerInbox } from '../../handoff/worker-inbox.js';
import {
  type PrimaryMessage,
  receive,
  send,
  type WorkerMessage,
  type WorkerSettings,
  workerSettingsVariable,
} from '../protocol.js';
import { drainAndExit } from './exit.js';
import { beginHeartbeat } from './heartbeat.js';
import { KeepAliveTokens } from './keep-alive-tokens.js';
import { WorkerListeners } from './worker-listeners.js';

/** The events of a worker, with their arguments. */
export interface WorkerEvents {
  /**
   * The process drains: it takes no new connections and will exit. `deadline` is when connections that are still open will be
   * closed, in ms since the epoch.
   */
  drain: [deadline: number, reason: string];
}

/** Present only in a process that has a slot. */
interface WorkerAssignment {
  readonly settings: WorkerSettings;
  readonly listeners: WorkerListeners;
}

/** This process in its slot. In a process that limpet did not fork, `slot` is undefined and no event is emitted. */
export class LimpetWorker extends EventEmitter<WorkerEvents> {
  /** Resolves when the clients of the slot come to this process. */
  readonly ready: Promise<void>;
  #slot: number | undefined;
  #assignment: WorkerAssignment | undefined;
  #resolveReady: () => void = () => {};
  readonly #tokens: KeepAliveTokens = new KeepAliveTokens();
  #isServing = false;
  /** The primary has announced that the slot will be removed. */
  #noticed = false;
  #leaving = false;

  /** @internal */
  constructor() {
    super();
    this.ready = new Promise((resolve) => {
      this.#resolveReady = resolve;
    });
    const settings = process.env[workerSettingsVariable];
    if (!cluster.isWorker || settings === undefined) return;
    delete process.env[workerSettingsVariable];
    this.#begin(JSON.parse(settings) as WorkerSettings, Number(process.env.LIMPET_SLOT));
  }

  #begin(settings: WorkerSettings, slot: number): void {
    const { workerIndex, inherited, drainTimeoutMs } = settings;
    const sendToPrimary = (message: WorkerMessage) => this.#send(message);
    const listeners = new WorkerListeners({
      slot,
      workerIndex,
      inbox: inherited.count > 0 ? makeInbox(slot, workerIndex, inherited.from) : undefined,
      send: sendToPrimary,
      isHealthy: () => this.#isHealthy,
    });
    this.#slot = slot;
    this.#assignment = { settings, listeners };
    receive<PrimaryMessage>(process, (message, handle) => {
      if (message.type === 'handoff') listeners.received(message, handle);
      else this.#received(message, listeners);
    });
    // Without its primary a worker finishes its connections and exits. Node's cluster would end it at once, unless the disconnect
    // seems intended.
    const self = cluster.worker as Worker;
    self.once('disconnect', () => {
      self.exitedAfterDisconnect = true;
      this.leave('the primary is gone', drainTimeoutMs, true);
    });
    if (settings.signals) {
      process.on('SIGTERM', () => this.leave('SIGTERM', drainTimeoutMs));
      // Ctrl-C in a terminal and the terminal's end signal the whole process group. The primary decides what its workers do.
      process.on('SIGINT', () => {});
      process.on('SIGHUP', () => {});
    }
    beginHeartbeat(settings.beatMs, () => listeners.open, sendToPrimary);
  }

  /** The slot of this process, from 0 to N-1. The process that replaces this one has the same slot. */
  get slot(): number | undefined {
    return this.#slot;
  }

  /**
   * In a worker that the app forked itself: asks the {@link AdoptingRouter} in the primary for a slot, and serves when it gets one.
   * Waits as long as there is no such router. Throws ERR_LIMPET_ROLE in a worker that has a slot.
   * @internal
   */
  adopt(served: AppServer): void {
    if (this.#assignment) {
      throw new LimpetError(
        'ERR_LIMPET_ROLE',
        'adopt() was called in a worker that has a slot already, expected one that the app forked. Call listen() instead.',
      );
    }
    receive<PrimaryMessage>(process, (message) => {
      if (message.type !== 'adopted' || this.#assignment) return;
      this.#begin(message.pass, message.slot);
      this.listen(served, { port: 0, host: undefined, ipv6Only: false, backlog: 511 });
    });
    this.#send({ type: 'adopt' });
  }

  /**
   * Keeps a draining process alive until the returned function is called, but not beyond the drain's deadline. Sessions that are
   * between two requests need this. When the whole router closes, no request can come any more: the process does not wait, and
   * `end` is called to end the session.
   */
  hold(end: () => void): () => void {
    return this.#tokens.add(end);
  }

  /**
   * Makes limpet's cookie for this slot. Undefined before the first listener is bound, and if affinity has no cookie.
   * @internal
   */
  get cookies(): CookieIssuer | undefined {
    return this.#assignment?.listeners.affinity?.cookies;
  }

  /**
   * Makes an Engine.IO session id that leads back to this process. Throws ERR_LIMPET_ROLE before the first listener is bound, and in
   * a process that limpet did not fork.
   */
  makeSid(): string {
    const affinity = this.#assignment?.listeners.affinity;
    if (!affinity) {
      throw new LimpetError(
        'ERR_LIMPET_ROLE',
        'makeSid() was called in a process without a bound listener. Call listen() first and wait for worker.ready.',
      );
    }
    return affinity.makeSid();
  }

  /**
   * Makes the app's server serve the slot's clients at the address. Throws ERR_LIMPET_ROLE in a worker that limpet did not fork.
   * @internal
   */
  listen(served: AppServer, address: ListenAddress): void {
    if (!this.#assignment) {
      throw new LimpetError(
        'ERR_LIMPET_ROLE',
        'listen() was called in a cluster worker that limpet did not fork. Remove cluster.fork() from the primary: limpet.listen() forks.',
      );
    }
    const { settings, listeners } = this.#assignment;
    listeners.listen(served, address, () => this.leave('its server was closed', settings.drainTimeoutMs));
  }

  /**
   * Drains this process and exits with code 0. Connections that are still open after `timeoutMs` are closed. With `last` the whole
   * router closes: sessions that are kept by {@link hold} end, because their next request cannot come any more.
   * @internal
   */
  leave(reason: string, timeoutMs: number, last = false): void {
    if (this.#leaving) {
      if (last) this.#tokens.end();
      return;
    }
    this.#leaving = true;
    this.#send({ type: 'leaving', reason });
    const { settings, listeners } = this.#assignment as WorkerAssignment;
    const adapters = listeners.leave();
    // After a notice, proxies have already had `noticeMs` to close their idle connections.
    const lingerMs = this.#noticed || last ? 0 : settings.noticeMs;
    this.emit('drain', Date.now() + lingerMs + timeoutMs, reason);
    const released = this.#tokens.released();
    if (last) this.#tokens.end();
    drainAndExit(adapters, released, lingerMs, timeoutMs);
  }

  #received(message: Exclude<PrimaryMessage, { type: 'handoff' }>, listeners: WorkerListeners): void {
    switch (message.type) {
      case 'bound':
        listeners.bound(message);
        break;
      case 'unbound':
        listeners.unbound(message);
        break;
      case 'assigned':
        listeners.receiveConnections();
        this.#isServing = true;
        this.#resolveReady();
        break;
      case 'peers':
        listeners.affinity?.update(message.table);
        break;
      case 'notice':
        this.#noticed = true;
        listeners.closeAfterAnswers();
        break;
      case 'stop':
        listeners.stop();
        break;
      case 'resume':
        listeners.resume();
        break;
      case 'drain':
        this.leave(message.reason, message.timeoutMs, message.last);
        break;
      case 'adopted':
      // adopt() receives it.
    }
  }

  get #isHealthy(): boolean {
    return this.#isServing && !this.#noticed && !this.#leaving;
  }

  #send(message: WorkerMessage): void {
    if (!send(process, message))
      publish('limpet:fault', () => ({ where: 'channel to the primary', error: message.type }));
  }
}

/** Takes over the inherited descriptors: the slot's channel and the shared memory, in this order from number `from` on. */
function makeInbox(slot: number, workerIndex: number, from: number): WorkerInbox {
  const binding = handoffBinding() as HandoffBinding;
  return new WorkerInbox(binding, { slot, workerIndex, channel: from, memory: from + 1 });
}

/** This process as a worker. */
export const worker: LimpetWorker = new LimpetWorker();
