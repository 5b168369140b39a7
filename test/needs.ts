import { test } from 'vitest';
import { pathOf, testTools } from '../scripts/test-tools.js';

/**
 * Whether `command`, a line of scripts/test-tools.js, is installed: `if (needs('redis-server')) describe(…)`.
 * Where it is not, stands in for the tests with one that is skipped for that reason.
 */
export function needs(command: string): boolean {
  const tool = testTools.find((known) => known.command === command);
  if (!tool) throw new Error(`${command} is not in scripts/test-tools.js`);
  if (pathOf(command)) return true;
  test(tool.uses, ({ skip }) => skip(`no ${command} here (on Debian: apt-get install ${tool.debian})`));
  return false;
}
