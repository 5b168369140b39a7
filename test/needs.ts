import { test } from 'vitest';
import { pathOf, testTools } from '../scripts/test-tools.js';

/**
 * Whether a command of scripts/test-tools.js is installed: `if (needs('redis-server')) describe(…)`.
 * If it is not, this function adds a skipped test with the reason.
 */
export function needs(command: string): boolean {
  const tool = testTools.find((known) => known.command === command);
  if (!tool) throw new Error(`${command} is not in scripts/test-tools.js. Add it there.`);
  if (pathOf(command)) return true;
  test(tool.uses, ({ skip }) =>
    skip(`${command} is not installed (on Debian: apt-get install ${tool.debian})`),
  );
  return false;
}
