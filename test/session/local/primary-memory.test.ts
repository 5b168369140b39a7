import cluster, { type Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

const cmd = 'NODE_LIMPET_SESSION';

/** A worker process at the primary's end of the IPC channel. */
class FakeWorkerProcess extends EventEmitter {
  connected = true;
  readonly received: Record<string, unknown>[] = [];
  #number = 0;

  send(message: Record<string, unknown>): boolean {
    this.received.push(message);
    return true;
  }

  /** Calls the primary, and resolves with its answer. */
  async call(call: string, ...values: unknown[]): Promise<Record<string, unknown> | undefined> {
    const number = ++this.#number;
    this.emit('internalMessage', { cmd, number, call, values });
    await new Promise((resolve) => setImmediate(resolve));
    return this.received.find((message) => message.number === number);
  }
}

let workers: FakeWorkerProcess[];
let serveSessionMemory: typeof import('../../../src/session/local/primary-memory.ts')['serveSessionMemory'];
const forkListeners = cluster.listeners('fork');
beforeEach(async () => {
  vi.resetModules();
  ({ serveSessionMemory } = await import('../../../src/session/local/primary-memory.ts'));
  workers = [new FakeWorkerProcess(), new FakeWorkerProcess()];
});
afterEach(() => {
  for (const listener of cluster.listeners('fork')) {
    if (!forkListeners.includes(listener)) cluster.off('fork', listener as (worker: Worker) => void);
  }
  Object.assign(cluster, { isPrimary: true, workers: {} });
});

function serve(options?: { bytesMax?: number }): [FakeWorkerProcess, FakeWorkerProcess] {
  const [running, forked] = workers as [FakeWorkerProcess, FakeWorkerProcess];
  Object.assign(cluster, { workers: { 1: { process: running } } });
  serveSessionMemory(options);
  cluster.emit('fork', { process: forked });
  return [running, forked];
}

describe('the memory of the primary', () => {
  test('is shared by the workers that it has and those that it forks', async () => {
    const [running, forked] = serve();
    expect(await running.call('create', 'a', 'text', 60_000)).toEqual({ cmd, number: 1, value: undefined });
    expect(await forked.call('read', 'a')).toMatchObject({ value: { raw: 'text' } });
    expect(await forked.call('replace', 'a', 'other', 'new', 60_000)).toMatchObject({
      value: { raw: 'text' },
    });
    expect(await forked.call('replace', 'a', 'text', 'new', 60_000)).toMatchObject({ value: 'stored' });
    expect(await running.call('touch', 'a', 60_000)).toMatchObject({ value: true });
    expect(await running.call('sids')).toMatchObject({ value: ['a'] });
    expect(await forked.call('remove', 'a')).toMatchObject({ value: undefined });
    expect(await running.call('read', 'a')).toMatchObject({ value: undefined });
  });

  test('takes null as any known row, because JSON has no undefined', async () => {
    const [worker] = serve();
    expect(await worker.call('replace', 'a', null, 'text', 60_000)).toMatchObject({ value: 'gone' });
    await worker.call('create', 'a', 'text', 60_000);
    expect(await worker.call('replace', 'a', null, 'new', 60_000)).toMatchObject({ value: 'stored' });
  });

  test('is bounded by bytesMax', async () => {
    const [worker] = serve({ bytesMax: 300 });
    expect(await worker.call('status')).toMatchObject({ value: { kind: 'memory', bytesMax: 300 } });
    expect(await worker.call('create', 'a', 'x'.repeat(100), 60_000)).toEqual({
      cmd,
      number: 2,
      error: {
        code: 'ERR_LIMPET_STORE',
        message: expect.stringContaining('is full'),
        facts: { bytesMax: 300 },
      },
    });
  });

  test('is bounded by 64 MiB without bytesMax', async () => {
    const [worker] = serve();
    expect(await worker.call('status')).toMatchObject({ value: { bytesMax: 64 * 1024 * 1024 } });
  });

  test('is served once, with the bound of the first call', async () => {
    const [worker] = serve({ bytesMax: 3000 });
    serveSessionMemory({ bytesMax: 5000 });
    await worker.call('status');
    expect(worker.received).toHaveLength(1);
    expect(worker.received[0]).toMatchObject({ value: { bytesMax: 3000 } });
  });

  test('cannot be served by a worker', () => {
    Object.assign(cluster, { isPrimary: false });
    expect(() => serveSessionMemory()).toThrow(expect.objectContaining({ code: 'ERR_LIMPET_ROLE' }));
  });
});

describe('a message of a worker', () => {
  test('that is not for the session memory is ignored', async () => {
    const [worker] = serve();
    for (const message of [
      undefined,
      null,
      { cmd: 'NODE_OTHER', number: 1, call: 'sids', values: [] },
      { cmd },
    ]) {
      worker.emit('internalMessage', message);
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(worker.received).toEqual([]);
  });

  test('with an unknown call gets an error', async () => {
    const [worker] = serve();
    expect(await worker.call('flush')).toMatchObject({ error: { code: 'ERR_LIMPET_STORE', facts: {} } });
  });

  test('whose worker has gone is answered to nobody', async () => {
    const [worker] = serve();
    worker.connected = false;
    expect(await worker.call('sids')).toBeUndefined();
  });
});

describe('a row that is followed', () => {
  test('reports each change to the workers that follow it', async () => {
    const [one, two] = serve();
    await one.call('follow', 'a');
    await two.call('follow', 'a');
    one.received.length = two.received.length = 0;
    await one.call('create', 'a', 'text', 60_000);
    expect(one.received).toContainEqual({ cmd, changed: 'a' });
    expect(two.received).toEqual([{ cmd, changed: 'a' }]);
  });

  test('reports nothing to a worker that has unfollowed it, or has exited', async () => {
    const [one, two] = serve();
    for (const worker of [one, two]) {
      await worker.call('follow', 'a');
      await worker.call('follow', 'b');
    }
    await one.call('unfollow', 'a');
    await one.call('unfollow', 'a');
    two.emit('exit');
    one.received.length = two.received.length = 0;
    await one.call('create', 'a', 'text', 60_000);
    await one.call('create', 'b', 'text', 60_000);
    expect(one.received.filter(({ changed }) => changed)).toEqual([{ cmd, changed: 'b' }]);
    expect(two.received).toEqual([]);
  });
});
