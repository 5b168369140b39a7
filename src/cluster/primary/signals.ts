import { publish } from '../../diagnostics.js';

interface Steerable {
  close(reason: string): Promise<unknown>;
  kill(reason: string): void;
  reload(): Promise<unknown>;
  upgrade(): Promise<unknown>;
}

/**
 * SIGTERM and SIGINT close the router; a second one ends it at once. The process then exits, unless the app has a handler of its
 * own for the signal, which then decides. SIGHUP reloads, SIGUSR2 upgrades; where that fails, a fault is published. Returns what takes
 * the handlers away.
 */
export function handleSignals(router: Steerable): () => void {
  let asked = false;
  const numbers = { SIGINT: 2, SIGTERM: 15 } as const;
  const handlers = (Object.keys(numbers) as (keyof typeof numbers)[]).map((signal) => {
    const handler = () => {
      const alone = process.listenerCount(signal) <= 1;
      if (asked) {
        router.kill(signal);
        if (alone) process.exit(128 + numbers[signal]);
        return;
      }
      asked = true;
      router.close(signal).then(() => {
        if (alone) process.exit(0);
      });
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  const told = (where: string, done: Promise<unknown>) => {
    done.catch((error: unknown) => publish('limpet:fault', () => ({ where, error })));
  };
  const onHangup = () => told('reload', router.reload());
  const onUpgrade = () => told('upgrade', router.upgrade());
  process.on('SIGHUP', onHangup);
  process.on('SIGUSR2', onUpgrade);
  return () => {
    process.off('SIGHUP', onHangup);
    process.off('SIGUSR2', onUpgrade);
    for (const off of handlers) off();
  };
}
