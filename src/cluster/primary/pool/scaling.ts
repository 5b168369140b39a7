import { LimpetError } from '../../../errors.js';
import type { SlotRing } from '../../../ring/slot-ring.js';
import type { ListenerRegistry } from '../listeners/listener-registry.js';
import type { RouterEventSource } from '../router-events.js';
import { newSlotFailed } from './start-failures.js';
import type { WorkerPool } from './worker-pool.js';

/**
 * Changes the number of slots. Scaling up moves clients when all new slots have a ready process. Scaling down moves them after
 * the notice and before the old processes drain. Rejects as {@link Router.scale} does. Then the number of slots is as before.
 */
export async function scaleTo(
  workers: number,
  events: RouterEventSource,
  ring: SlotRing,
  { supervisor, assignment }: Pick<WorkerPool, 'supervisor' | 'assignment'>,
  listeners: Pick<ListenerRegistry, 'openDirectPorts'>,
): Promise<void> {
  const before = ring.size;
  if (workers < before) {
    await assignment.giveNotice(workers);
    assignment.resize(workers);
    await listeners.openDirectPorts(workers);
    supervisor.retire(workers);
    return;
  }
  if (workers === before) return;
  await listeners.openDirectPorts(workers);
  const leaving = new Set([...supervisor.workers()].map(({ pid }) => pid));
  supervisor.start(workers);
  const slots = Array.from({ length: workers - before }, (_, i) => before + i);
  try {
    await Promise.all(slots.map((slot) => slotReady(events, slot, leaving)));
    assignment.resize(workers);
  } catch (error) {
    const ended = allGone(events, newWorkers(supervisor, before, leaving));
    supervisor.retire(before);
    await listeners.openDirectPorts(before);
    await ended;
    throw asBefore(error, before);
  }
}

/** The processes of the slots from `before` on, without those that drain since an earlier scaling down. */
function newWorkers(
  supervisor: Pick<WorkerPool['supervisor'], 'workers'>,
  before: number,
  leaving: ReadonlySet<number | undefined>,
): Set<number | undefined> {
  const workers = [...supervisor.workers()].filter(({ slot, pid }) => slot >= before && !leaving.has(pid));
  return new Set(workers.map(({ pid }) => pid));
}

/** Resolves when all these processes have ended. */
function allGone(events: RouterEventSource, pids: Set<number | undefined>): Promise<void> {
  return new Promise((resolve) => {
    const onGone = (_slot: number, pid?: number) => {
      pids.delete(pid);
      if (pids.size > 0) return;
      events.off('gone', onGone);
      resolve();
    };
    events.on('gone', onGone);
    if (pids.size === 0) onGone(0);
  });
}

/** The kernel's refusal, with what it means for the router. */
function asBefore(error: unknown, slots: number): unknown {
  if (!(error instanceof LimpetError) || error.code !== 'ERR_LIMPET_NATIVE') return error;
  const message = `${error.message} The number of slots is ${slots}, as before.`;
  return new LimpetError(error.code, message, error.facts, error.cause);
}

/**
 * Resolves when a process of the slot is ready. Rejects with ERR_LIMPET_WORKER_START if one ends before that. The end of a process
 * in `leaving` does not count: it drains since an earlier scaling down.
 */
function slotReady(
  events: RouterEventSource,
  slot: number,
  leaving: ReadonlySet<number | undefined>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const unsubscribe = () => {
      events.off('ready', onReady);
      events.off('gone', onGone);
    };
    const onReady = (number: number) => {
      if (number !== slot) return;
      unsubscribe();
      resolve();
    };
    const onGone = (number: number, pid: number | undefined, reason: string) => {
      if (number !== slot || leaving.has(pid)) return;
      unsubscribe();
      reject(newSlotFailed(slot, reason));
    };
    events.on('ready', onReady);
    events.on('gone', onGone);
  });
}
