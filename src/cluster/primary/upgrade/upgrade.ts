import { randomBytes } from 'node:crypto';
import { ListeningSockets } from '../../../handoff/listening-sockets.js';
import type { CheckedRouterOptions } from '../../../options.js';
import type { RouterEventSource } from '../router-events.js';
import type { NotifySettings } from './handover-state.js';
import { NewPrimary, refused } from './new-primary.js';
import { OldPrimary } from './old-primary.js';
import { managedSockets, notifySettings, SystemdNotifier } from './systemd.js';

/** A new primary may take so much longer than its workers. */
const bootMs = 15_000;
/** Sockets that the new primary has not asked for by then are closed: its app listens elsewhere now. */
const unclaimedMs = 10_000;

/** Routers of this process that live: where there are two, a successor would have to be that of both. */
const living = new Set<Upgrade>();

/** What a router has from the primary before it, or from the service manager, and what it leaves to the next primary. */
export class Upgrade {
  /** The router's own, with the number of workers that the one before was scaled to. */
  readonly options: CheckedRouterOptions;
  /** The number of workers that the router was asked for. */
  readonly #configured: number;
  readonly secret: string;
  readonly sockets: ListeningSockets;
  readonly #oldPrimary: OldPrimary | undefined = OldPrimary.connect();
  readonly #notify: NotifySettings | undefined;
  #newPrimary: NewPrimary | undefined;
  #transferred = false;

  /** Throws ERR_LIMPET_UPGRADE when this process was started to take over from a primary that it does not understand. */
  constructor(options: CheckedRouterOptions) {
    const state = this.#oldPrimary?.state;
    const scaled = state?.workers === options.workers ? state.scaledTo : undefined;
    this.options = { ...options, workers: scaled ?? options.workers };
    this.#configured = options.workers;
    this.secret = options.secret ?? state?.secret ?? randomBytes(32).toString('hex');
    this.#notify = state ? state.notify : notifySettings();
    this.sockets = new ListeningSockets(state ? state.sockets : managedSockets());
  }

  /** The process whose name and place this one is to take. */
  get oldPrimaryPid(): number | undefined {
    return this.#oldPrimary?.state.pid;
  }

  /** Whether a successor serves: nothing that ends here ends for the clients. */
  get transferred(): boolean {
    return this.#transferred;
  }

  /** Whether the predecessor serves and none of ours does. */
  get waiting(): boolean {
    return this.#oldPrimary?.waiting ?? false;
  }

  begin(router: RouterEventSource, workers: () => number): void {
    living.add(this);
    router.once('closed', () => living.delete(this));
    if (this.#notify) new SystemdNotifier(this.#notify, router, workers);
  }

  /** Who may serve, now that the process could; see {@link OldPrimary.admit}. */
  admit<Worker>(worker: Worker, inSlots: readonly (Worker | undefined)[]): readonly Worker[] {
    return this.#oldPrimary ? this.#oldPrimary.admit(worker, inSlots) : [worker];
  }

  /** Resolves when the router serves and nobody else does in its place. */
  async serves(): Promise<void> {
    if (!this.#oldPrimary) return;
    this.#oldPrimary.ready();
    setTimeout(() => this.sockets.closeUnclaimed(), unclaimedMs).unref();
    await this.#oldPrimary.left;
  }

  /** The router gives up. */
  failed(reason: string): void {
    if (this.waiting) this.#oldPrimary?.failed(reason);
    this.#newPrimary?.kill();
  }

  /**
   * Starts the next primary, which gets what this one has, with `workers` of now. Resolves with its process when it serves; until then
   * nothing has changed here. Rejects with ERR_LIMPET_UPGRADE.
   */
  async handOver(workers: number): Promise<number> {
    const { readyTimeoutMs } = this.options;
    const configured = this.#configured;
    if (living.size > 1) throw refused('this process has several routers. Give each a process of its own');
    const sockets = this.sockets.transferable();
    if (typeof sockets === 'string') throw refused(`${sockets} can be given on by the native addon only`);
    const state = {
      version: 1,
      pid: process.pid,
      secret: this.secret,
      workers: configured,
      scaledTo: workers === configured ? undefined : workers,
      sockets,
      notify: this.#notify,
    } as const;
    const successor = new NewPrimary(state, readyTimeoutMs === 0 ? 0 : readyTimeoutMs + bootMs);
    this.#newPrimary = successor;
    try {
      await successor.serves;
    } finally {
      this.#newPrimary = undefined;
    }
    this.sockets.transfer();
    this.#transferred = true;
    // Whoever is to know of it, the service manager above all, is told before the successor speaks for itself.
    setImmediate(() => successor.leaveTo());
    return successor.pid;
  }
}
