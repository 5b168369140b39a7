import { randomBytes } from 'node:crypto';
import { Sockets } from '../../../handoff/listening-sockets.js';
import type { CheckedRouterOptions } from '../../../options.js';
import type { RouterEventSource } from '../router-events.js';
import type { NotifySettings } from './handover-state.js';
import { refused, Successor } from './new-primary.js';
import { Predecessor } from './old-primary.js';
import { managedSockets, notifySettings, ServiceManager } from './systemd.js';

/** A new primary may take so much longer than its workers. */
const bootMs = 15_000;
/** Sockets that the new primary has not asked for by then are closed: its app listens elsewhere now. */
const unclaimedMs = 10_000;

/** Routers of this process that live: where there are two, a successor would have to be that of both. */
const living = new Set<Succession>();

/** What a router has from the primary before it, or from the service manager, and what it leaves to the next primary. */
export class Succession {
  /** The router's own, with the number of workers that the one before was scaled to. */
  readonly options: CheckedRouterOptions;
  /** The number of workers that the router was asked for. */
  readonly #configured: number;
  readonly secret: string;
  readonly sockets: Sockets;
  readonly #predecessor: Predecessor | undefined = Predecessor.meet();
  readonly #notify: NotifySettings | undefined;
  #successor: Successor | undefined;
  #left = false;

  /** Throws ERR_LIMPET_UPGRADE when this process was started to take over from a primary that it does not understand. */
  constructor(options: CheckedRouterOptions) {
    const legacy = this.#predecessor?.legacy;
    const scaled = legacy?.workers === options.workers ? legacy.scaledTo : undefined;
    this.options = { ...options, workers: scaled ?? options.workers };
    this.#configured = options.workers;
    this.secret = options.secret ?? legacy?.secret ?? randomBytes(32).toString('hex');
    this.#notify = legacy ? legacy.notify : notifySettings();
    this.sockets = new Sockets(legacy ? legacy.sockets : managedSockets());
  }

  /** The process whose name and place this one is to take. */
  get predecessor(): number | undefined {
    return this.#predecessor?.legacy.pid;
  }

  /** Whether a successor serves: nothing that ends here ends for the clients. */
  get left(): boolean {
    return this.#left;
  }

  /** Whether the predecessor serves and none of ours does. */
  get waiting(): boolean {
    return this.#predecessor?.waiting ?? false;
  }

  begin(router: RouterEventSource, workers: () => number): void {
    living.add(this);
    router.once('closed', () => living.delete(this));
    if (this.#notify) new ServiceManager(this.#notify, router, workers);
  }

  /** Who may serve, now that the process could; see {@link Predecessor.admit}. */
  admit<Worker>(occupant: Worker, inSlots: readonly (Worker | undefined)[]): readonly Worker[] {
    return this.#predecessor ? this.#predecessor.admit(occupant, inSlots) : [occupant];
  }

  /** Resolves when the router serves and nobody else does in its place. */
  async serves(): Promise<void> {
    if (!this.#predecessor) return;
    this.#predecessor.ready();
    setTimeout(() => this.sockets.closeRest(), unclaimedMs).unref();
    await this.#predecessor.left;
  }

  /** The router gives up. */
  failed(reason: string): void {
    if (this.waiting) this.#predecessor?.failed(reason);
    this.#successor?.kill();
  }

  /**
   * Starts the next primary, which gets what this one has, with `workers` of now. Resolves with its process when it serves; until then
   * nothing has changed here. Rejects with ERR_LIMPET_UPGRADE.
   */
  async handOver(workers: number): Promise<number> {
    const { readyTimeoutMs } = this.options;
    const configured = this.#configured;
    if (living.size > 1) throw refused('this process has several routers. Give each a process of its own');
    const sockets = this.sockets.toGiveOn();
    if (typeof sockets === 'string') throw refused(`${sockets} can be given on by the native addon only`);
    const legacy = {
      version: 1,
      pid: process.pid,
      secret: this.secret,
      workers: configured,
      scaledTo: workers === configured ? undefined : workers,
      sockets,
      notify: this.#notify,
    } as const;
    const successor = new Successor(legacy, readyTimeoutMs === 0 ? 0 : readyTimeoutMs + bootMs);
    this.#successor = successor;
    try {
      await successor.serves;
    } finally {
      this.#successor = undefined;
    }
    this.sockets.giveOn();
    this.#left = true;
    // Whoever is to know of it, the service manager above all, is told before the successor speaks for itself.
    setImmediate(() => successor.leaveTo());
    return successor.pid;
  }
}
