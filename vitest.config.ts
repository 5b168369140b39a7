import { defineConfig } from 'vitest/config';

/**
 * Three suites: `npm test` runs every test/**\/*.test.ts; `npm run test:wide` what takes minutes more and runs in CI too: every Node.js,
 * chaos, failovers, machines, in test/**\/*.wide.ts; `npm run soak` the long runs in test/**\/*.soak.ts.
 * Tests that fork servers measure their own children, so files run two at a time, not one a core.
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
