import type { SlotRing } from '../../../ring/slot-ring.js';
import type { ListenerRegistry } from '../listeners/listener-registry.js';
import type { RouterEventSource } from '../router-events.js';
import { newSlotFailed } from './start-failures.js';
import type { WorkerPool } from './worker-pool.js';

/**
 * Gives the router another number of slots: up once the new ones are served, down once their clients had notice. Rejects as
 * {@link Router.scale} does; then all is as it was.
 */
export async function scaleTo(
  workers: number,
  router: RouterEventSource,
  ring: SlotRing,
  { supervisor, assignment }: WorkerPool,
  listeners: ListenerRegistry,
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
    await seated(router, slots, leaving);
  } catch (error) {
    await listeners.openDirectPorts(before);
    supervisor.retire(before);
    throw error;
  }
  assignment.resize(workers);
}

/**
 * Resolves when all the slots are served; rejects with ERR_LIMPET_WORKER_START when a process of one of them ends first, but for
 * those that are `leaving` it since before.
 */
async function seated(
  router: RouterEventSource,
  slots: readonly number[],
  leaving: ReadonlySet<number | undefined>,
): Promise<void> {
  await Promise.all(slots.map((slot) => attachedIn(router, slot, leaving)));
}

function attachedIn(
  router: RouterEventSource,
  slot: number,
  leaving: ReadonlySet<number | undefined>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      router.off('ready', onReady);
      router.off('gone', onGone);
    };
    const onReady = (number: number) => {
      if (number !== slot) return;
      done();
      resolve();
    };
    const onGone = (number: number, pid: number | undefined, reason: string) => {
      if (number !== slot || leaving.has(pid)) return;
      done();
      reject(newSlotFailed(slot, reason));
    };
    router.on('ready', onReady);
    router.on('gone', onGone);
  });
}
