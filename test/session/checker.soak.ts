import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { needs } from '../needs.ts';
import { startCluster, startRedis, startSentinel } from '../services/redis.ts';
import { check, type Judged, summary } from './checker.ts';
import { clusterFault, cut, durable, holdWorker, oneOf, restart, sentinelFailover, stop } from './faults.ts';

needs('redis-server');

/** Minutes for each of the three tests: LIMPET_SOAK_MINUTES, default 3. */
const minutes = Number(process.env.LIMPET_SOAK_MINUTES ?? 3);
const seed = Number(process.env.LIMPET_TEST_SEED ?? Date.now() % 100_000);
const durationMs = minutes * 60_000;
const timeout = durationMs + 120_000;

/** Prints a summary. If LIMPET_SOAK_RECORD is set, adds it to bench/results/sessions-checker.md. */
function record(name: string, judged: Judged): void {
  console.log(`${name}: ${summary(judged)}`);
  if (!process.env.LIMPET_SOAK_RECORD) return;
  const file = fileURLToPath(new URL('../../bench/results/sessions-checker.md', import.meta.url));
  mkdirSync(fileURLToPath(new URL('.', `file://${file}`)), { recursive: true });
  writeFileSync(file, `- ${name}, ${minutes} min, seed ${seed}: ${summary(judged)}\n`, { flag: 'a' });
}

test(`the store keeps its promises on one Redis (seed ${seed})`, { timeout }, async () => {
  const redis = await startRedis({ config: durable });
  onTestFinished(redis.stop);
  const servers = () => [redis];
  const judged = await check({
    seed,
    address: { port: redis.port },
    durationMs,
    faultEveryMs: 400,
    fault: oneOf(cut(servers), cut(servers), cut(servers), stop(servers, 600), restart(servers), holdWorker),
  });
  record('one Redis', judged);
  expect(judged.violations.slice(0, 20)).toEqual([]);
});

test(`the store keeps its promises with Sentinel (seed ${seed})`, { timeout }, async () => {
  const group = await startSentinel();
  onTestFinished(group.stop);
  const judged = await check({
    seed,
    address: { sentinels: group.sentinels, name: group.name },
    durationMs,
    faultEveryMs: 1500,
    replicas: 1,
    fault: oneOf(
      sentinelFailover(group),
      cut(() => group.servers),
      holdWorker,
    ),
  });
  record('Sentinel', judged);
  expect(judged.violations.slice(0, 20)).toEqual([]);
});

test(`the store keeps its promises on a Cluster (seed ${seed})`, { timeout }, async () => {
  const cluster = await startCluster({ replicas: 1 });
  onTestFinished(cluster.stop);
  const judged = await check({
    seed,
    address: cluster.nodes,
    durationMs,
    faultEveryMs: 300,
    replicas: 1,
    commandTimeoutMs: 2000,
    fault: clusterFault(cluster, Math.floor(durationMs / 1500)),
  });
  record('Cluster', judged);
  expect(judged.violations.slice(0, 20)).toEqual([]);
});
