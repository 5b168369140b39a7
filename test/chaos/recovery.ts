import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { addresses, ask } from '../processes/clients.ts';
import { seeded } from '../processes/seeded.ts';
import { Crowd } from './clients.ts';
import { Router, ringOf } from './router.ts';

/** The cost of kills and reloads for the clients of a router of `slots` slots. */
export interface Recovery {
  readonly slots: number;
  readonly kills: number;
  /** From SIGKILL to an answer from the same slot, for a client that asks at that moment. */
  readonly servedAgainMs: { readonly p50: number; readonly p99: number; readonly longest: number };
  /** Connections of the other clients while workers were killed. */
  readonly connections: number;
  /** The number of these connections that failed. Each was open in a killed process. */
  readonly cut: number;
  readonly reloads: number;
  /** The median duration of a reload of all slots. */
  readonly reloadMs: number;
  /** Requests during the reloads. */
  readonly reloadRequests: number;
  readonly reloadErrors: number;
}

const slots = 8;

/**
 * In each round, kills the process of each slot once, one after the other, and then reloads all slots. Each round has a router of its
 * own, because a second exit in a slot within a minute would wait for the backoff.
 */
export async function recovery(handoff: string, adapter: string, rounds: number): Promise<Recovery> {
  const servedAgain: number[] = [];
  const reloadMs: number[] = [];
  const sum = { connections: 0, cut: 0, reloadRequests: 0, reloadErrors: 0 };
  for (let round = 0; round < rounds; round++) {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-recovery-'));
    const router = new Router(adapter, folder, { workers: slots, handoff });
    try {
      const port = await router.port();
      await router.settled(slots);
      const crowdOf = (seed: number) =>
        new Crowd({
          port,
          addresses: addresses(2000),
          random: seeded(seed),
          clientsOfEachKind: 4,
          pauseMs: 20,
        });

      const dying = crowdOf(round);
      for (let slot = 0; slot < slots; slot++) {
        await pause(100);
        servedAgain.push(await kill(router, port, slot));
      }
      await dying.stop();
      sum.connections += dying.visits.length;
      sum.cut += dying.visits.filter(({ failure }) => failure !== undefined).length;

      const reloading = crowdOf(round + rounds);
      await pause(200);
      const from = performance.now();
      await router.ask('reload');
      reloadMs.push(performance.now() - from);
      await pause(200);
      await reloading.stop();
      for (const { asked, failure } of reloading.visits) {
        sum.reloadRequests += asked.length;
        if (failure !== undefined) sum.reloadErrors += 1;
      }
    } finally {
      await router.stop();
      rmSync(folder, { recursive: true });
    }
  }
  const quantile = (values: number[], share: number) =>
    Math.round(values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1] as number);
  return {
    slots,
    kills: servedAgain.length,
    servedAgainMs: {
      p50: quantile(servedAgain, 0.5),
      p99: quantile(servedAgain, 0.99),
      longest: quantile(servedAgain, 1),
    },
    ...sum,
    reloads: reloadMs.length,
    reloadMs: quantile(reloadMs, 0.5),
  };
}

/** Kills the process of the slot. Returns how many ms later the next process answers a client of the slot. */
async function kill(router: Router, port: number, slot: number): Promise<number> {
  const from = addresses(4000, 3000).find(
    (address) => ringOf(slots).homeOfAddress(address) === slot,
  ) as string;
  const pid = router.pidServing(slot) as number;
  const start = performance.now();
  process.kill(pid, 'SIGKILL');
  for (let tries = 0; ; tries++) {
    const answer = await ask(port, from, { path: `/probe-${slot}-${start}/${tries}` }).catch(() => undefined);
    if (!answer) continue;
    // If the next process takes longer than respawnGraceMs, a fallback answers first.
    const served = JSON.parse(answer.body) as { slot: number; pid: number };
    if (served.slot === slot && served.pid !== pid) return performance.now() - start;
  }
}
