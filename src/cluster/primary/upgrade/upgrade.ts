import { randomBytes } from 'node:crypto';
import { ListeningSockets } from '../../../handoff/listening-sockets.js';
import type { CheckedRouterOptions } from '../../../options.js';
import type { RouterEventSource } from '../router-events.js';
import type { NotifySettings } from './handover-state.js';
import { NewPrimary, upgradeRefused } from './new-primary.js';
import { OldPrimary } from './old-primary.js';
import { takeManagedSockets, takeNotifySettings } from './systemd.js';
import { SystemdNotifier } from './systemd-notifier.js';

/** The time that a new primary may take beyond the option `readyTimeoutMs` of its workers. */
const bootMs = 15_000;
/** Inherited sockets that the app has not listened on by then, counted from when this router serves, are closed. */
const unclaimedMs = 10_000;

/** The running routers of this process. A primary with several cannot be replaced: the new one would have to replace them all. */
const running = new Set<Upgrade>();

/** An upgrade, from both sides: the router takes over from an old primary or the service manager, and hands over to a new primary. */
export class Upgrade {
  /** The router's options. `workers` is the number to which the old primary was scaled, if its own option was the same. */
  readonly options: CheckedRouterOptions;
  /** The old primary's secret, unless the options have one. */
  readonly secret: string;
  readonly sockets: ListeningSockets;
  readonly #configuredWorkers: number;
  readonly #notify: NotifySettings | undefined;
  readonly #oldPrimary: OldPrimary | undefined = OldPrimary.connect();
  #newPrimary: NewPrimary | undefined;
  #isReplaced = false;

  /** Throws ERR_LIMPET_UPGRADE if an old primary of another version has started this process. */
  constructor(options: CheckedRouterOptions) {
    const state = this.#oldPrimary?.state;
    const scaledTo = state?.workers === options.workers ? state.scaledTo : undefined;
    this.options = { ...options, workers: scaledTo ?? options.workers };
    this.secret = options.secret ?? state?.secret ?? randomBytes(32).toString('hex');
    this.sockets = new ListeningSockets(state ? state.sockets : takeManagedSockets());
    this.#configuredWorkers = options.workers;
    this.#notify = state ? state.notify : takeNotifySettings();
  }

  /** The process that this one replaces. It has the same router name for a while. */
  get oldPrimaryPid(): number | undefined {
    return this.#oldPrimary?.state.pid;
  }

  /** True while the old primary serves. No worker of this process has taken a connection. */
  get oldPrimaryServes(): boolean {
    return this.#oldPrimary?.isServing ?? false;
  }

  /** True when a new primary serves. This router then closes without any effect on clients. */
  get isReplaced(): boolean {
    return this.#isReplaced;
  }

  /** The router starts. `workers` returns its number of slots. */
  start(router: RouterEventSource, workers: () => number): void {
    running.add(this);
    router.once('closed', () => running.delete(this));
    if (this.#notify) new SystemdNotifier(this.#notify, router, workers);
  }

  /** The workers that may take connections, now that `worker` is ready: see {@link OldPrimary.admit}. */
  admit<Worker>(worker: Worker, inSlots: readonly (Worker | undefined)[]): readonly Worker[] {
    return this.#oldPrimary ? this.#oldPrimary.admit(worker, inSlots) : [worker];
  }

  /** Call it when the router serves. Resolves when the old primary, if there is one, has handed the router over. */
  async takeOver(): Promise<void> {
    if (!this.#oldPrimary) return;
    this.#oldPrimary.sendReady();
    setTimeout(() => this.sockets.closeUnclaimed(), unclaimedMs).unref();
    await this.#oldPrimary.handedOver;
  }

  /** The router gives up or closes. Reports it to an old primary that still serves, and kills a new primary that does not serve yet. */
  abort(reason: string): void {
    if (this.oldPrimaryServes) this.#oldPrimary?.sendFailed(reason);
    this.#newPrimary?.kill();
  }

  /**
   * Starts the new primary with the state of this one and `workers` slots. Resolves with its process id when it serves. Rejects with
   * ERR_LIMPET_UPGRADE if it does not; nothing has changed then.
   */
  async handOver(workers: number): Promise<number> {
    const { readyTimeoutMs } = this.options;
    const configured = this.#configuredWorkers;
    if (running.size > 1) {
      throw upgradeRefused('this process has several routers. Give each router a process of its own');
    }
    const sockets = this.sockets.transferable();
    if (typeof sockets === 'string') {
      throw upgradeRefused(`only the native addon can hand over the listening socket of ${sockets}`);
    }
    const newPrimary = new NewPrimary(
      {
        version: 1,
        pid: process.pid,
        secret: this.secret,
        workers: configured,
        scaledTo: workers === configured ? undefined : workers,
        sockets,
        notify: this.#notify,
      },
      readyTimeoutMs === 0 ? 0 : readyTimeoutMs + bootMs,
    );
    this.#newPrimary = newPrimary;
    try {
      await newPrimary.served;
    } finally {
      this.#newPrimary = undefined;
    }
    this.sockets.transfer();
    this.#isReplaced = true;
    // The router emits `upgraded` before: systemd must get MAINPID from this process before READY=1 from the new primary.
    setImmediate(() => newPrimary.release());
    return newPrimary.pid;
  }
}
