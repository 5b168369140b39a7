import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { nodeBinaries } from './index.ts';

test('the oldest supported Node.js and every later line are installed', ({ skip }) => {
  skip(nodeBinaries.length === 0, `npm has no Node.js binaries for ${process.platform}-${process.arch}`);
  const lines = nodeBinaries.map(({ version }) => version.split('.', 1)[0]);
  expect(lines).toEqual(['v20', 'v22', 'v24']);
});

test.each(nodeBinaries)('$version starts', ({ path, version }) => {
  expect(execFileSync(path, ['-p', 'process.version'], { encoding: 'utf8' }).trim()).toBe(version);
});

test('no binary replaces the node in node_modules/.bin', () => {
  expect(existsSync(new URL('../../node_modules/.bin/node', import.meta.url))).toBe(false);
});
