import { expect, test } from 'vitest';
import { chaos } from './chaos.ts';
import { pairs } from './pairs.ts';

/** Another one each day; LIMPET_CHAOS_SEED repeats one. The pair of handoff and adapter is the seed's, too. */
const seed = Number(process.env.LIMPET_CHAOS_SEED ?? Math.floor(Date.now() / 86_400_000));
const pair = pairs[seed % pairs.length] as (typeof pairs)[number];
const durationMs = Number(process.env.LIMPET_CHAOS_SECONDS ?? 20) * 1000;

test.runIf(process.platform === 'linux')(
  `chaos by ${pair.handoff} on ${pair.adapter}, LIMPET_CHAOS_SEED=${seed}`,
  { timeout: durationMs + 120_000 },
  async () => {
    console.log(`LIMPET_CHAOS_SEED=${seed}: ${pair.handoff}, ${pair.adapter}`);
    const { violations, ...outcome } = await chaos({ ...pair, seed, durationMs, blowEveryMs: 400, lanes: 6 });
    console.log(JSON.stringify(outcome));
    expect(violations.slice(0, 20)).toEqual([]);
  },
);
