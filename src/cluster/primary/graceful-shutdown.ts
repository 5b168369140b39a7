import { closedError } from './errors.js';
import type { RouterEventSink } from './router-events.js';
import type { RouterParts } from './router-parts.js';

/** The resources that start() has opened outside the router's parts. */
export interface StartedResources {
  /** Closes the control socket, if the router has one. No-op the second time. */
  closeControl(): Promise<void>;
  /** Removes the signal handlers. */
  releaseSignals(): void;
}

/**
 * Closes a router: serves what waits in the kernel's queues, drains the workers and ends what is left after `drainTimeoutMs`. Resolves
 * when no process is left, with the number of connections that were closed unserved.
 *
 * If a new primary has taken over, it emits no `closing`, gives no notice to proxies and releases the router's name at once.
 */
export async function shutDown(
  router: RouterEventSink,
  parts: RouterParts,
  resources: StartedResources,
  reason: string,
): Promise<{ left: number }> {
  const { state, upgrade, operations, oneAddressWarning, handoffs, affinity } = parts;
  const { supervisor, assignment } = parts.pool;
  const { drainTimeoutMs } = upgrade.options;
  state.enter('closing');
  operations.end(closedError());
  if (upgrade.isReplaced) resources.closeControl();
  else router.emit('closing', reason);
  upgrade.abort(reason);
  oneAddressWarning.end();
  state.failStart(closedError());

  const listeners = [...parts.listeners.all()];
  await Promise.allSettled(listeners.map(({ opened }) => opened));
  if (!upgrade.isReplaced) await assignment.giveNotice(0);
  assignment.end();
  const isServed = [...supervisor.workers()].some(({ attached }) => attached);
  const timeoutMs = isServed ? drainTimeoutMs : 0;
  const left = await Promise.all(listeners.map(({ handoff }) => handoff.close(timeoutMs)));

  await supervisor.close(reason);
  // Each worker that left its slot has started a grace timer.
  assignment.end();
  handoffs.stop();
  affinity.close();
  resources.releaseSignals();
  state.enter('closed');
  resources.closeControl();
  router.emit('closed');
  return { left: left.reduce((sum, count) => sum + count, 0) };
}
