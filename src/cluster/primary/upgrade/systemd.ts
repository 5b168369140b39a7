import { handoffBinding } from '../../../binding/handoff-binding.js';
import { bindingReport } from '../../../binding/native.js';
import { serviceBinding } from '../../../binding/service-binding.js';
import { publish } from '../../../diagnostics.js';
import type { InheritedSockets } from '../../../handoff/listening-sockets.js';
import type { RouterEventSource } from '../router-events.js';
import type { NotifySettings } from './handover-state.js';

/** Where systemd's sockets begin. */
const firstSocket = 3;
/** A message that found no room is sent again after so long. */
const againMs = 50;

/** The sockets that systemd listens on for this process (sd_listen_fds). The environment says it once. */
export function managedSockets(env: NodeJS.ProcessEnv = process.env): InheritedSockets[] {
  const { LISTEN_PID: pid, LISTEN_FDS: count } = env;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete env[name];
  if (Number(pid) !== process.pid) return [];
  const binding = bindingReport().kind === 'native' ? handoffBinding() : null;
  if (!binding) {
    publish('limpet:fault', () => ({
      where: 'LISTEN_FDS',
      error: 'sockets of the service manager need the native addon',
    }));
    return [];
  }
  return Array.from({ length: Number(count) || 0 }, (_, at) => {
    const fd = firstSocket + at;
    binding.prepareInherited(fd);
    return { bound: binding.boundAddress(fd), descriptors: [fd], managed: true };
  });
}

/** How systemd wants to be told (sd_notify). The environment says it once: workers must not speak in the primary's name. */
export function notifySettings(env: NodeJS.ProcessEnv = process.env): NotifySettings | undefined {
  const { NOTIFY_SOCKET: path, WATCHDOG_USEC: usec, WATCHDOG_PID: pid } = env;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name];
  if (!path) return undefined;
  const watched = pid === undefined || Number(pid) === process.pid;
  return { path, watchdogMs: watched ? Math.floor(Number(usec ?? 0) / 1000) || 0 : 0 };
}

/** Tells the service manager how the router is, from now until it has a successor or is closed. */
export class SystemdNotifier {
  readonly #path: string;
  #watchdog: NodeJS.Timeout | undefined;
  readonly #unsent: string[] = [];
  #silent = false;

  constructor({ path, watchdogMs }: NotifySettings, router: RouterEventSource, workers: () => number) {
    this.#path = path;
    const serving = () => {
      if (watchdogMs > 0) {
        this.#watchdog ??= setInterval(() => this.#say('WATCHDOG=1'), watchdogMs / 2).unref();
      }
      this.#say(`READY=1\nSTATUS=serving with ${workers()} workers`, `MAINPID=${process.pid}`);
    };
    router.on('serving', serving);
    router.on('reloading', () =>
      this.#say('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    );
    router.on('reloaded', serving);
    router.on('closing', (reason) => this.#say('STOPPING=1', `STATUS=${reason}`));
    router.on('upgraded', (pid) => {
      this.#say(`MAINPID=${pid}`);
      this.#end();
    });
    router.once('closed', () => this.#end());
  }

  #end(): void {
    this.#silent = true;
    clearInterval(this.#watchdog);
  }

  #say(...lines: string[]): void {
    if (this.#silent) return;
    this.#unsent.push(lines.join('\n'));
    if (this.#unsent.length === 1) this.#send();
  }

  /** In their order; what cannot be sent now is sent when there is room. */
  #send(): void {
    for (let text = this.#unsent[0]; text !== undefined; text = this.#unsent[0]) {
      try {
        serviceBinding()?.notify(this.#path, text);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') {
          setTimeout(() => this.#send(), againMs).unref();
          return;
        }
        publish('limpet:fault', () => ({ where: 'service manager', error }));
      }
      this.#unsent.shift();
    }
  }
}
