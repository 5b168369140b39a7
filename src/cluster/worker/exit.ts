import type { Adapter } from '../../adapter/contract.js';

/** Time for closing frames to reach the kernel. */
const flushMs = 50;

/**
 * Ends this process with code 0: once the adapters have finished what is open and `released` has resolved, or else, with what
 * is then open closed, after `lingerMs` and `timeoutMs`. For `lingerMs` idle connections are left open.
 */
export function drainAndExit(
  adapters: readonly Adapter[],
  released: Promise<void>,
  lingerMs: number,
  timeoutMs: number,
): void {
  const drained = each(adapters, (adapter, done) => adapter.drain(done, released, lingerMs));
  const late = setTimeout(() => {
    for (const adapter of adapters) adapter.closeAll();
    setTimeout(() => process.exit(0), flushMs);
  }, lingerMs + timeoutMs);
  const doorsClosed = () =>
    each(adapters, (adapter, done) => (adapter.closePeerSocket ? adapter.closePeerSocket(done) : done()));
  // Sessions that the process still holds are reached by its doors.
  const finished = Promise.all([drained, released]).then(doorsClosed);
  finished.then(() => {
    clearTimeout(late);
    // What the last connections wrote is with the kernel; what the app does on 'close' gets its turn first.
    setImmediate(() => process.exit(0));
  });
}

function each(
  adapters: readonly Adapter[],
  work: (adapter: Adapter, done: () => void) => void,
): Promise<unknown> {
  return Promise.all(adapters.map((adapter) => new Promise<void>((done) => work(adapter, done))));
}
