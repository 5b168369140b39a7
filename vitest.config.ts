import { defineConfig } from 'vitest/config';

/**
 * There are three suites. `npm test` runs test/**\/*.test.ts. `npm run test:wide` runs test/**\/*.wide.ts, which takes minutes more: every
 * Node.js, chaos, failovers, several machines. CI runs both. `npm run soak` runs the long tests in test/**\/*.soak.ts.
 * Two files run at a time, even on more cores, because tests that fork servers measure their child processes.
 */
export default defineConfig({
  test: {
    reporters: ['default', './test/left-out.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'test', include: ['test/**/*.test.ts'] } },
      { extends: true, test: { name: 'wide', include: ['test/**/*.wide.ts'] } },
      {
        extends: true,
        test: {
          name: 'soak',
          include: ['test/**/*.soak.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          maxConcurrency: 6,
        },
      },
    ],
  },
});
