import { expect, test } from 'vitest';
import { chaos } from './chaos.ts';
import { pairs } from './pairs.ts';

/** The seed changes each day. LIMPET_CHAOS_SEED repeats a run. The seed also chooses the pair of handoff and adapter. */
const seed = Number(process.env.LIMPET_CHAOS_SEED ?? Math.floor(Date.now() / 86_400_000));
const pair = pairs[seed % pairs.length] as (typeof pairs)[number];
const durationMs = Number(process.env.LIMPET_CHAOS_SECONDS ?? 20) * 1000;

test.runIf(process.platform === 'linux')(
  `no connection is lost or misplaced under chaos: ${pair.handoff}, ${pair.adapter}, LIMPET_CHAOS_SEED=${seed}`,
  { timeout: durationMs + 120_000 },
  async () => {
    console.log(`LIMPET_CHAOS_SEED=${seed}: ${pair.handoff}, ${pair.adapter}`);
    const { violations, ...outcome } = await chaos({
      ...pair,
      seed,
      durationMs,
      blowEveryMs: 400,
      clientsOfEachKind: 6,
    });
    console.log(JSON.stringify(outcome));
    expect(violations.slice(0, 20)).toEqual([]);
  },
);
