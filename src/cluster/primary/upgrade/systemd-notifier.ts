import { serviceBinding } from '../../../binding/service-binding.js';
import { publish } from '../../../diagnostics.js';
import type { RouterEventSource } from '../router-events.js';
import type { NotifySettings } from './handover-state.js';

/** The pause before a message is sent again that found systemd's receive queue full. */
const retryMs = 50;

/** Notifies systemd of what the router does (sd_notify), until a new primary takes over or the router is closed. */
export class SystemdNotifier {
  readonly #path: string;
  readonly #unsent: string[] = [];
  #watchdog: NodeJS.Timeout | undefined;
  #hasEnded = false;

  /** `workers` returns the number of slots, for systemd's status line. */
  constructor({ path, watchdogMs }: NotifySettings, router: RouterEventSource, workers: () => number) {
    this.#path = path;
    const notifyReady = () => {
      if (watchdogMs > 0) {
        this.#watchdog ??= setInterval(() => this.#notify('WATCHDOG=1'), watchdogMs / 2).unref();
      }
      this.#notify(`READY=1\nSTATUS=serving with ${workers()} workers`, `MAINPID=${process.pid}`);
    };
    router.on('serving', notifyReady);
    router.on('reloading', () =>
      this.#notify('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    );
    router.on('reloaded', notifyReady);
    router.on('closing', (reason) => this.#notify('STOPPING=1', `STATUS=${reason}`));
    router.on('upgraded', (pid) => {
      this.#notify(`MAINPID=${pid}`);
      this.#end();
    });
    router.once('closed', () => this.#end());
  }

  #end(): void {
    this.#hasEnded = true;
    clearInterval(this.#watchdog);
  }

  #notify(...lines: string[]): void {
    if (this.#hasEnded) return;
    this.#unsent.push(lines.join('\n'));
    // If more are unsent, a retry is due and sends this one, too.
    if (this.#unsent.length === 1) this.#sendAll();
  }

  /** Sends the unsent messages in their order, until systemd's receive queue is full. A retry sends the others. */
  #sendAll(): void {
    for (let text = this.#unsent[0]; text !== undefined; text = this.#unsent[0]) {
      try {
        serviceBinding()?.notify(this.#path, text);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') {
          setTimeout(() => this.#sendAll(), retryMs).unref();
          return;
        }
        publish('limpet:fault', () => ({ where: 'service manager', error }));
      }
      this.#unsent.shift();
    }
  }
}
