import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pairs } from './pairs.ts';
import { type Recovery, recovery } from './recovery.ts';
import { record, stamp } from './results.ts';

/** Each round has eight kills and a reload. LIMPET_SOAK_ROUNDS changes the number of rounds. */
const rounds = Number(process.env.LIMPET_SOAK_ROUNDS ?? 13);

describe.runIf(process.platform === 'linux')(
  'a reload refuses no request, and the recovery from a kill is measured',
  () => {
    const results: Record<string, Recovery> = {};
    let stamped: object;
    beforeAll(async () => {
      stamped = await stamp();
    });
    afterAll(() => record('recovery', { stamp: stamped, results }));

    test.for(pairs)('$handoff, $adapter', { timeout: rounds * 90_000 }, async ({ handoff, adapter }) => {
      const measured = await recovery(handoff, adapter, rounds);
      results[`${handoff}, ${adapter}`] = measured;
      expect(measured.reloadErrors).toBe(0);
    });
  },
);
