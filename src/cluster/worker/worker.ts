import cluster, { type Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';
import type { AppServer } from '../../adapter/contract.js';
import type { CookieIssuer } from '../../affinity/cookie.js';
import type { ListenAddress } from '../../connection.js';
import { publish } from '../../diagnostics.js';
import { LimpetError } from '../../errors.js';
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

/** What a worker emits. */
export interface WorkerEvents {
  /** The process leaves: it takes nothing new. `deadline` is when what is still open will be closed, in ms since the epoch. */
  drain: [deadline: number, reason: string];
}

/** What only a process that has a slot has. */
interface WorkerAssignment {
  readonly pass: WorkerSettings;
  readonly listeners: WorkerListeners;
}

/** This process in its slot. In a process that limpet did not fork, `slot` is undefined and nothing ever happens. */
export class LimpetWorker extends EventEmitter<WorkerEvents> {
  /** Resolves when this process is given its slot's clients. */
  readonly ready: Promise<void>;
  #slot: number | undefined;
  #assignment: WorkerAssignment | undefined;
  #seated: () => void = () => {};
  readonly #tokens: KeepAliveTokens = new KeepAliveTokens();
  #serves = false;
  #noticed = false;
  #leaving = false;

  /** @internal */
  constructor() {
    super();
    this.ready = new Promise((resolve) => {
      this.#seated = resolve;
    });
    const pass = process.env[workerSettingsVariable];
    if (!cluster.isWorker || pass === undefined) return;
    delete process.env[workerSettingsVariable];
    this.#begin(JSON.parse(pass) as WorkerSettings, Number(process.env.LIMPET_SLOT));
  }

  #begin(pass: WorkerSettings, slot: number): void {
    this.#slot = slot;
    const tell = (message: WorkerMessage) => this.#send(message);
    const listeners = new WorkerListeners(slot, pass, { send: tell, isHealthy: () => this.#isHealthy });
    this.#assignment = { pass, listeners };
    receive<PrimaryMessage>(process, (message, handle) => {
      if (message.type === 'handoff') listeners.received(message, handle);
      else this.#received(message, listeners);
    });
    const { drainTimeoutMs } = pass;
    // Without its primary a worker finishes what it has and goes. Unless it looks intended, Node's cluster ends it at once.
    const self = cluster.worker as Worker;
    self.once('disconnect', () => {
      self.exitedAfterDisconnect = true;
      this.leave('the primary is gone', drainTimeoutMs, true);
    });
    if (pass.signals) {
      process.on('SIGTERM', () => this.leave('SIGTERM', drainTimeoutMs));
      // A terminal sends Ctrl-C to the whole group: the primary decides what becomes of its workers.
      process.on('SIGINT', () => {});
      process.on('SIGHUP', () => {});
    }
    beginHeartbeat(pass.beatMs, () => listeners.open, tell);
  }

  /** The slot of this process, 0 to N-1; a replacement has the same. */
  get slot(): number | undefined {
    return this.#slot;
  }

  /**
   * In a worker that the app forked itself: serves in the place that an {@link AdoptingRouter} in the primary gives it. Waits as
   * long as there is none.
   * @internal
   */
  adopt(served: AppServer): void {
    if (this.#assignment) {
      throw new LimpetError(
        'ERR_LIMPET_ROLE',
        'adopt() was called in a worker that has its place. Call listen().',
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
   * Keeps a leaving process until what it returns is called, but not beyond the deadline: for sessions between two requests.
   * When the router closes, and no request can come any more, the hold does not count, and `end` is called to end the session.
   */
  hold(end: () => void): () => void {
    return this.#tokens.add(end);
  }

  /**
   * Gives out limpet's cookie for this slot; undefined before the process serves, and where affinity has no cookie.
   * @internal
   */
  get cookies(): CookieIssuer | undefined {
    return this.#assignment?.listeners.affinity?.cookies;
  }

  /** Makes Engine.IO session ids that lead back to this process. Throws ERR_LIMPET_ROLE before the process serves. */
  makeSid(): string {
    const affinity = this.#assignment?.listeners.affinity;
    if (!affinity) {
      throw new LimpetError(
        'ERR_LIMPET_ROLE',
        'makeSid() was called before listen() took effect in this worker.',
      );
    }
    return affinity.makeSid();
  }

  /**
   * Makes the app's server serve this slot's share of the address. Throws ERR_LIMPET_ROLE in a worker that limpet did not fork.
   * @internal
   */
  listen(served: AppServer, address: ListenAddress): void {
    if (!this.#assignment) {
      throw new LimpetError(
        'ERR_LIMPET_ROLE',
        'listen() was called in a cluster worker that limpet did not fork. Remove cluster.fork() from the primary: limpet.listen() forks.',
      );
    }
    const { pass, listeners } = this.#assignment;
    listeners.ask(served, address, () => this.leave('its server was closed', pass.drainTimeoutMs));
  }

  /**
   * Takes nothing new, finishes what is open, closes the rest after `timeoutMs`, then exits with code 0. With `last` there is no router
   * any more through which the next request of a held session could come.
   * @internal
   */
  leave(reason: string, timeoutMs: number, last = false): void {
    if (this.#leaving) {
      if (last) this.#tokens.end();
      return;
    }
    this.#leaving = true;
    this.#send({ type: 'leaving', reason });
    const { pass, listeners } = this.#assignment as WorkerAssignment;
    const adapters = listeners.leave();
    // What has been given notice already need not wait for proxies to let go of their idle connections.
    const lingerMs = this.#noticed || last ? 0 : pass.noticeMs;
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
        this.#serves = true;
        this.#seated();
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
      // Heard where it was asked for.
    }
  }

  get #isHealthy(): boolean {
    return this.#serves && !this.#noticed && !this.#leaving;
  }

  #send(message: WorkerMessage): void {
    if (!send(process, message))
      publish('limpet:fault', () => ({ where: 'channel to the primary', error: message.type }));
  }
}

/** This process, as a worker. */
export const worker: LimpetWorker = new LimpetWorker();
