import { defineConfig } from 'vitest/config';

/** The unit tests that the mutation test judges: no processes, no servers, milliseconds each. */
export default defineConfig({
  test: {
    include: [
      'test/ring/**/*.test.ts',
      'test/affinity/**/*.test.ts',
      'test/cluster/primary/pool/**/*.test.ts',
      'test/cluster/primary/listeners/**/*.test.ts',
      'test/session/core/**/*.test.ts',
      'test/edge/**/*.test.ts',
    ],
    exclude: [
      'test/affinity/uws.test.ts',
      'test/edge/agreement.test.ts',

      'test/cluster/primary/listeners/no-trust.test.ts',
    ],
    testTimeout: 20_000,
  },
});
