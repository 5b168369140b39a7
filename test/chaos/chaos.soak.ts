import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chaos, type Outcome } from './chaos.ts';
import { pairs } from './pairs.ts';
import { record, stamp } from './results.ts';

/** How long all pairs run at the same time. LIMPET_SOAK_MINUTES changes it. */
const minutes = Number(process.env.LIMPET_SOAK_MINUTES ?? 10);
const seed = Number(process.env.LIMPET_CHAOS_SEED ?? Math.floor(Date.now() / 86_400_000));
const durationMs = minutes * 60_000;

describe.runIf(process.platform === 'linux')(
  `no connection is lost or misplaced under chaos, LIMPET_CHAOS_SEED=${seed}`,
  () => {
    const outcomes: Record<string, object> = {};
    let stamped: object;
    beforeAll(async () => {
      stamped = await stamp();
    });
    afterAll(() => record('chaos', { stamp: stamped, results: { seed, minutes, pairs: outcomes } }));

    test.concurrent.for(pairs)(
      '$handoff, $adapter',
      { timeout: durationMs + 300_000 },
      async ({ handoff, adapter }, { expect: expectHere }) => {
        const nth = pairs.findIndex((pair) => pair.handoff === handoff && pair.adapter === adapter);
        const outcome: Outcome = await chaos({
          handoff,
          adapter,
          seed: seed + nth,
          durationMs,
          blowEveryMs: 1000,
          clientsOfEachKind: 4,
        });
        const { violations, ...counts } = outcome;
        outcomes[`${handoff}, ${adapter}`] = { ...counts, violations: violations.length };
        expectHere(violations.slice(0, 20)).toEqual([]);
      },
    );

    test('each pair was run', () => expect(Object.keys(outcomes)).toHaveLength(pairs.length));
  },
);
