import { handoffBinding } from '../../../binding/handoff-binding.js';
import { bindingReport } from '../../../binding/native.js';
import { publish } from '../../../diagnostics.js';
import type { InheritedSockets } from '../../../handoff/listening-sockets.js';
import type { NotifySettings } from './handover-state.js';

/** The descriptor of systemd's first socket (SD_LISTEN_FDS_START). */
const firstSocket = 3;

/**
 * The sockets on which systemd listens for this process (sd_listen_fds). Removes the variables, because workers would inherit them.
 * Without the native addon there are none, and a fault is published.
 */
export function takeManagedSockets(env: NodeJS.ProcessEnv = process.env): InheritedSockets[] {
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
  return Array.from({ length: Number(count) || 0 }, (_, index) => {
    const fd = firstSocket + index;
    binding.prepareInherited(fd);
    return { bound: binding.boundAddress(fd), descriptors: [fd], managed: true };
  });
}

/**
 * The way in which systemd wants to be notified (sd_notify). Undefined if it does not want that. Removes the variables, because workers
 * must not notify in the primary's name.
 */
export function takeNotifySettings(env: NodeJS.ProcessEnv = process.env): NotifySettings | undefined {
  const { NOTIFY_SOCKET: path, WATCHDOG_USEC: usec, WATCHDOG_PID: pid } = env;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name];
  if (!path) return undefined;
  const isWatched = pid === undefined || Number(pid) === process.pid;
  return { path, watchdogMs: isWatched ? Math.floor(Number(usec ?? 0) / 1000) || 0 : 0 };
}
