import { beforeEach } from 'vitest';
import { pathOf, testTools } from '../scripts/test-tools.js';

/**
 * Called at the top of a describe block (or file): skips its tests, with the reason, where `command` is not
 * installed. Returns the command's absolute path, or its bare name where it is missing.
 */
export function needs(command: string): string {
  const tool = testTools.find((known) => known.command === command);
  if (!tool) throw new Error(`${command} is not in scripts/test-tools.js`);
  const path = pathOf(command);
  beforeEach(({ skip }) => skip(!path, `no ${command} here (Debian: apt-get install ${tool.debian})`));
  return path ?? command;
}
