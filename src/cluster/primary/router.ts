import cluster from 'node:cluster';
import { EventEmitter } from 'node:events';
import { warnWithoutAddon } from '../../binding/native.js';
import { check, integer } from '../../checks.js';
import type { BoundAddress, ListenAddress } from '../../connection.js';
import type { ControlServer } from '../../control/server.js';
import { publish } from '../../diagnostics.js';
import type { LimpetError } from '../../errors.js';
import type { ListeningSockets } from '../../handoff/listening-sockets.js';
import {
  type CheckedRouterOptions,
  checkListenAddress,
  checkRouterOptions,
  type ListenOptions,
  type RouterOptions,
  slotsMax,
} from '../../options.js';
import { serveSessionMemory } from '../../session/local/primary-memory.js';
import { ListenerKeys, type ServerTraits } from '../protocol.js';
import { openControl } from './control-commands.js';
import { closedError, notThePrimary } from './errors.js';
import { type ClientExplanation, type ClientHead, explainClient } from './explain.js';
import { shutDown } from './graceful-shutdown.js';
import { checkWorkerFile } from './pool/fork.js';
import { type RouterEvents, RouterPartEvents } from './router-events.js';
import { makeRouterParts, type RouterParts } from './router-parts.js';
import { handleSignals } from './signals.js';
import type { RingStatus, RouterStatus } from './status.js';
import { reportRing, reportStatus } from './status-report.js';

/**
 * A router listens, keeps a worker process in every slot and brings each client to its own slot. `createRouter()` makes one. It emits
 * the events of {@link RouterEvents}.
 */
export class Router extends EventEmitter<RouterEvents> {
  readonly options: CheckedRouterOptions;
  /**
   * Through these, limpet's own servers (metrics, the live page) hand over their listening sockets in an upgrade.
   * @internal
   */
  readonly sockets: ListeningSockets;
  readonly #parts: RouterParts;
  readonly #events: RouterPartEvents = new RouterPartEvents(this);
  readonly #keys: ListenerKeys = new ListenerKeys();
  #isStarted = false;
  /** See `RouterState.started`. */
  readonly #started: Promise<void>;
  #control: Promise<ControlServer | undefined> | undefined;
  #releaseSignals: (() => void) | undefined;
  #closed: Promise<{ left: number }> | undefined;

  /** Checks everything that can be checked before a process is forked. Throws ERR_LIMPET_OPTION, _ROLE or _WORKER_START. */
  constructor(options: RouterOptions = {}) {
    super();
    if (!cluster.isPrimary) throw notThePrimary();
    const checked = checkRouterOptions(options);
    checkWorkerFile(checked.exec ?? process.argv[1]);
    this.#parts = makeRouterParts(checked, this.#events, {
      fail: (error) => this.#fail(error),
      report: (error) => this.#report(error),
    });
    this.options = this.#parts.upgrade.options;
    this.sockets = this.#parts.upgrade.sockets;
    this.#started = afterEvents(this.#parts.state.started);
    // Without a handler, a rejection before the app calls start() would end the process.
    this.#started.catch(() => {});
  }

  /**
   * Forks the workers before it returns. Resolves when the first worker serves. Rejects with ERR_LIMPET_WORKER_START if no worker
   * becomes ready. The router is then closed, and no process is left.
   */
  start(): Promise<void> {
    if (this.#closed) return Promise.reject(closedError());
    const { upgrade, pool } = this.#parts;
    if (this.#isStarted) return this.#started;
    this.#isStarted = true;
    warnWithoutAddon();
    // Workers without Redis and sqlite keep their sessions in the primary's memory. Until one asks, this costs nothing.
    serveSessionMemory();
    if (this.options.signals) this.#releaseSignals = handleSignals(this);
    upgrade.start(this.#events, () => this.status().slots.length);
    this.#control = openControl(this, upgrade.oldPrimaryPid, (error) => this.#fail(error));
    pool.supervisor.start(this.options.workers);
    return this.#started;
  }

  /**
   * Binds an address before any worker asks for it. Rejects with ERR_LIMPET_ADDRESS_*. Nothing is bound then. Throws ERR_LIMPET_OPTION for
   * an address that is none.
   */
  listen(address: ListenAddress, traits: ServerTraits = { kind: 'node', tls: false }): Promise<BoundAddress> {
    if (this.#closed) return Promise.reject(closedError());
    const complete = checkListenAddress(address as ListenOptions);
    const listener = this.#parts.listeners.get(this.#keys.of(complete), complete, traits);
    listener.declared = true;
    return listener.opened;
  }

  /** The addresses that are bound, in the order in which they were asked for. */
  addresses(): BoundAddress[] {
    return [...this.#parts.listeners].flatMap(({ bound }) => (bound ? [bound] : []));
  }

  /**
   * Finds the slot that serves a client, and the reason. A text is a client's address, which affinity by address decides. A head is decided by the
   * router's own rules. Throws ERR_LIMPET_ADDRESS.
   */
  explain(client: string | ClientHead): ClientExplanation {
    const { affinity, ring } = this.#parts;
    if (typeof client === 'object' && client !== null) {
      return explainClient(affinity.compile({ kind: 'node', tls: false }), ring, client);
    }
    return { rule: 'address', client, ...ring.explain(client) };
  }

  /** The state of the router now. It is read in the primary; no worker is asked. */
  status(): RouterStatus {
    return reportStatus(this.options, this.#parts);
  }

  /** The slot that owns each bucket, at home and now. */
  ring(): RingStatus {
    return reportRing(this.#parts.ring);
  }

  /**
   * Replaces every worker by a new process, `parallel` slots at a time. A new process is ready before the old one drains. No connection
   * is refused and no client is moved. Resolves when new processes serve all slots; old ones may still drain. Rejects with
   * ERR_LIMPET_WORKER_START if a new process does not become ready: the old one serves on, and slots not yet reloaded stay as they
   * are. Waits for a reload, scale or upgrade that was asked for earlier.
   */
  async reload({ parallel = 1 }: { parallel?: number } = {}): Promise<void> {
    if (this.#closed) throw closedError();
    check({ parallel }, { parallel: integer(1, slotsMax, 1) }, 'option of reload()');
    return afterEvents(this.#parts.operations.reload(parallel));
  }

  /**
   * Changes the number of slots. Only clients that the ring must move are moved. Scaling up resolves when the new slots serve their
   * share. It rejects with ERR_LIMPET_WORKER_START if a new worker does not become ready; the number is then as before. Scaling down
   * drains the processes of the slots that are taken away.
   */
  async scale(workers: number): Promise<void> {
    checkRouterOptions({ workers, buckets: this.options.buckets });
    if (this.#closed) throw closedError();
    await afterEvents(this.#parts.operations.scale(workers));
  }

  /**
   * Replaces this primary by a new process with the same command line, run from the files as they are now. The new primary takes over
   * the listening sockets and starts its own workers. When all of them are ready, they serve, and this router closes. With `signals`,
   * this process then ends. No connection is refused, and clients keep their slots. Resolves with the new process. Rejects with
   * ERR_LIMPET_UPGRADE if this system does not allow it or the new primary fails; nothing has changed then. Waits for a reload or scale
   * that was asked for earlier.
   */
  async upgrade(): Promise<{ pid: number }> {
    if (this.#closed) throw closedError();
    const pid = await afterEvents(this.#parts.operations.upgrade());
    // The caller gets the answer first.
    setImmediate(() => this.#closeForNewPrimary(pid));
    return { pid };
  }

  /**
   * Serves the connections that wait in the kernel's queues, lets the workers finish, and ends what is left after `drainTimeoutMs`.
   * Resolves when no process is left, with the number of connections that were closed unserved.
   */
  close(reason = 'the router closes'): Promise<{ left: number }> {
    this.#closed ??= this.#close(reason);
    return this.#closed;
  }

  /** Kills every worker at once. Requests in flight are lost. */
  kill(reason = 'killed'): void {
    this.#parts.pool.supervisor.kill(reason);
  }

  #close(reason: string): Promise<{ left: number }> {
    const resources = {
      closeControl: async () => (await this.#control)?.close(),
      releaseSignals: () => this.#releaseSignals?.(),
    };
    return afterEvents(shutDown(this.#events, this.#parts, resources, reason));
  }

  async #closeForNewPrimary(pid: number): Promise<void> {
    await this.close(`process ${pid} has taken over`);
    if (this.options.signals) process.exit(0);
  }

  /** The router cannot go on. */
  #fail(error: LimpetError): void {
    const { state, upgrade, pool } = this.#parts;
    state.failStart(error);
    upgrade.abort(error.message);
    pool.supervisor.kill(error.message);
    this.close(error.message).then(() => this.#report(error));
  }

  #report(error: LimpetError): void {
    publish('limpet:fault', () => ({ where: 'router', error }));
    process.nextTick(() => {
      if (this.listenerCount('error') > 0) this.emit('error', error);
    });
  }
}

/** Settles as the promise does, when the app has heard the events that were emitted before. */
async function afterEvents<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } finally {
    await new Promise<void>((resolve) => process.nextTick(resolve));
  }
}
