import type { Router } from './primary.js';
import { newSlotFailed } from './start-failures.js';

/**
 * Resolves when all the slots are served; rejects with ERR_LIMPET_WORKER_START when a process of one of them ends first, but for
 * those that are `leaving` it since before.
 */
export async function seated(
  router: Router,
  slots: readonly number[],
  leaving: ReadonlySet<number | undefined>,
): Promise<void> {
  await Promise.all(slots.map((slot) => seatedIn(router, slot, leaving)));
}

function seatedIn(router: Router, slot: number, leaving: ReadonlySet<number | undefined>): Promise<void> {
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
