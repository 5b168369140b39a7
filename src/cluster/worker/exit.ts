import type { Adapter } from '../../adapter/contract.js';

/** Time for closing frames to reach the kernel, ms. */
const flushMs = 50;

/**
 * Drains the adapters, then ends this process with code 0.
 *
 * The process ends when all adapters have drained, `released` has resolved, and then all peer sockets are closed. At the latest it
 * ends after `lingerMs` + `timeoutMs`: the connections that are open then are closed. Idle connections stay open for `lingerMs`.
 */
export function drainAndExit(
  adapters: readonly Adapter[],
  released: Promise<void>,
  lingerMs: number,
  timeoutMs: number,
): void {
  const drained = onAll(adapters, (adapter, done) => adapter.drain(done, released, lingerMs));
  const deadline = setTimeout(() => {
    for (const adapter of adapters) adapter.closeAll();
    setTimeout(() => process.exit(0), flushMs);
  }, lingerMs + timeoutMs);
  // Peer sockets close last, because requests of sessions that this process keeps reach it by them.
  const finished = Promise.all([drained, released]).then(() =>
    onAll(adapters, (adapter, done) => (adapter.closePeerSocket ? adapter.closePeerSocket(done) : done())),
  );
  finished.then(() => {
    clearTimeout(deadline);
    // The kernel has what the last connections wrote. The app's 'close' listeners run before setImmediate().
    setImmediate(() => process.exit(0));
  });
}

/** Starts `work` on each adapter. Resolves when each has called `done`. */
function onAll(
  adapters: readonly Adapter[],
  work: (adapter: Adapter, done: () => void) => void,
): Promise<unknown> {
  return Promise.all(adapters.map((adapter) => new Promise<void>((done) => work(adapter, done))));
}
