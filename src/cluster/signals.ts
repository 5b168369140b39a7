interface Closable {
  close(reason: string): Promise<unknown>;
  kill(reason: string): void;
}

/**
 * SIGTERM and SIGINT close the router; a second one ends it at once. The process then exits, unless the app has a handler of its
 * own for the signal, which then decides. Returns what takes the handlers away.
 */
export function handleSignals(router: Closable): () => void {
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
  return () => {
    for (const off of handlers) off();
  };
}
