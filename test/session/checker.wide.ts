import { expect, onTestFinished, test } from 'vitest';
import { needs } from '../needs.ts';
import { startCluster, startSentinel } from '../services/redis.ts';
import { check, summary } from './checker.ts';
import { clusterTroubles, once, sentinelFailover } from './faults.ts';

needs('redis-server');

const seed = Number(process.env.LIMPET_TEST_SEED ?? Date.now() % 100_000);

test(`a failover by Sentinel (seed ${seed})`, { timeout: 60_000 }, async () => {
  const group = await startSentinel();
  onTestFinished(group.stop);
  const judged = await check({
    seed,
    address: { sentinels: group.sentinels, name: group.name },
    durationMs: 4000,
    faultEveryMs: 1000,
    replicas: 1,
    fault: once(sentinelFailover(group)),
  });
  expect(judged.violations, summary(judged)).toEqual([]);
  const caches = judged.statuses.map(({ nearCache }) => nearCache);
  // Right after a fault a cache may still be on its way back: that it serves at all is what counts here.
  expect(caches.filter(({ hits }) => hits === 0)).toEqual([]);
});

test(`a Cluster whose slots move and whose masters change (seed ${seed})`, { timeout: 60_000 }, async () => {
  const cluster = await startCluster({ replicas: 1 });
  onTestFinished(cluster.stop);
  const judged = await check({
    seed,
    address: cluster.nodes,
    durationMs: 4000,
    faultEveryMs: 150,
    replicas: 1,
    commandTimeoutMs: 2000,
    fault: clusterTroubles(cluster, 4),
  });
  expect(judged.violations, summary(judged)).toEqual([]);
  const caches = judged.statuses.map(({ nearCache }) => nearCache);
  expect(caches.filter(({ hits }) => hits === 0)).toEqual([]);
});
