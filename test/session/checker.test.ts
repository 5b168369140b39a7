import { expect, onTestFinished, test } from 'vitest';
import { needs } from '../needs.ts';
import { startRedis } from '../services/redis.ts';
import { check, type Entry, summary, violations } from './checker.ts';
import { cut, durable, holdWorker, oneOf, restart, stop } from './faults.ts';

needs('redis-server');

test('the checker finds each kind of violation', () => {
  const entry = (kind: Entry['kind'], start: number, more: object = {}): Entry => ({
    kind,
    sid: 's',
    worker: 'a',
    start,
    end: start + 1,
    outcome: 'ok',
    ...more,
  });
  const begun = [entry('create', 0), entry('add', 10, { key: 'k' })];
  const seen = (...more: Entry[]): string[] => violations([...begun, ...more]);
  expect(seen(entry('read', 20, { result: ['k'] }), entry('read', 20, { result: [] }))).toEqual([]);
  expect(seen(entry('read', 100, { result: [] }))).toEqual([expect.stringContaining('k is missing')]);
  expect(seen(entry('read', 100, { result: null }))).toEqual([
    expect.stringContaining('the session is missing'),
  ]);
  expect(seen(entry('read', 5, { result: ['k'] }))).toEqual([
    expect.stringContaining('before it was written'),
  ]);
  const destroyed = entry('destroy', 100);
  expect(
    seen(destroyed, entry('read', 120, { result: ['k'] }), entry('read', 200, { result: null })),
  ).toEqual([]);
  expect(seen(destroyed, entry('read', 200, { result: ['k'] }))).toEqual([
    expect.stringContaining('after it was destroyed'),
  ]);
  const gone = entry('add', 30, { key: 'g', outcome: 'gone' });
  expect(seen(gone, entry('read', 40, { result: ['k', 'g'] }))).toEqual([
    expect.stringContaining('reported as gone'),
  ]);
  expect(seen(entry('add', 30, { key: 'e', outcome: 'broken', error: 'E: x' }))).toEqual(['s: E: x']);
});

const seed = Number(process.env.LIMPET_TEST_SEED ?? Date.now() % 100_000);

test(`the store keeps its promises while Redis is cut off, stopped and restarted, and workers are held up (seed ${seed})`, {
  timeout: 60_000,
}, async () => {
  const redis = await startRedis({ config: durable });
  onTestFinished(redis.stop);
  const servers = () => [redis];
  const judged = await check({
    seed,
    address: { port: redis.port },
    durationMs: 3000,
    faultEveryMs: 250,
    fault: oneOf(cut(servers), cut(servers), stop(servers, 300), restart(servers), holdWorker),
  });
  expect(judged.violations, summary(judged)).toEqual([]);
  const caches = judged.statuses.map(({ nearCache }) => nearCache);
  // Right after a fault, a near cache may be off. It must have served at least one read.
  expect(caches.filter(({ hits }) => hits === 0)).toEqual([]);
});
