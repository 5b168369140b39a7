import { expect, onTestFinished, test } from 'vitest';
import { needs } from '../needs.ts';
import { startCluster, startSentinel } from '../services/redis.ts';
import { check, summary } from './checker.ts';
import { clusterFault, once, sentinelFailover } from './faults.ts';

needs('redis-server');

const seed = Number(process.env.LIMPET_TEST_SEED ?? Date.now() % 100_000);

test(`the store keeps its promises during a failover by Sentinel (seed ${seed})`, {
  timeout: 60_000,
}, async () => {
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
  // Right after a fault, a near cache may be off. It must have served at least one read.
  expect(caches.filter(({ hits }) => hits === 0)).toEqual([]);
});

test(`the store keeps its promises while a Cluster moves hash slots and changes masters (seed ${seed})`, {
  timeout: 60_000,
}, async () => {
  const cluster = await startCluster({ replicas: 1 });
  onTestFinished(cluster.stop);
  const judged = await check({
    seed,
    address: cluster.nodes,
    durationMs: 4000,
    faultEveryMs: 150,
    replicas: 1,
    commandTimeoutMs: 2000,
    fault: clusterFault(cluster, 4),
  });
  expect(judged.violations, summary(judged)).toEqual([]);
  const caches = judged.statuses.map(({ nearCache }) => nearCache);
  expect(caches.filter(({ hits }) => hits === 0)).toEqual([]);
});
