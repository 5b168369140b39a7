import { publish } from '../../diagnostics.js';

/** The part of a router that signals call. */
export interface SignalledRouter {
  close(reason: string): Promise<unknown>;
  kill(reason: string): void;
  reload(): Promise<unknown>;
  upgrade(): Promise<unknown>;
}

const numbers = { SIGINT: 2, SIGTERM: 15 } as const;

/**
 * Lets signals control the router. Returns a function that removes the handlers.
 *
 * SIGTERM and SIGINT close the router, a second one kills its workers. Then the process exits, unless the app has a handler of its own
 * for that signal. SIGHUP reloads and SIGUSR2 upgrades; if that fails, a fault is published.
 */
export function handleSignals(router: SignalledRouter): () => void {
  let isClosing = false;
  const end = (signal: keyof typeof numbers) => {
    const isOnlyHandler = process.listenerCount(signal) <= 1;
    if (isClosing) {
      router.kill(signal);
      if (isOnlyHandler) process.exit(128 + numbers[signal]);
      return;
    }
    isClosing = true;
    router.close(signal).then(() => {
      if (isOnlyHandler) process.exit(0);
    });
  };
  const publishFailure = (where: string, done: Promise<unknown>) => {
    done.catch((error: unknown) => publish('limpet:fault', () => ({ where, error })));
  };
  const handlers: Partial<Record<NodeJS.Signals, () => void>> = {
    SIGINT: () => end('SIGINT'),
    SIGTERM: () => end('SIGTERM'),
    SIGHUP: () => publishFailure('reload', router.reload()),
    SIGUSR2: () => publishFailure('upgrade', router.upgrade()),
  };
  const entries = Object.entries(handlers);
  for (const [signal, handler] of entries) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of entries) process.off(signal, handler);
  };
}
