import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { nodeBinaries } from './index.ts';

test('the oldest supported Node and the later lines are here', ({ skip }) => {
  skip(nodeBinaries.length === 0, `npm carries no Node binaries for ${process.platform}-${process.arch}`);
  const lines = nodeBinaries.map(({ version }) => version.split('.', 1)[0]);
  expect(lines).toEqual(['v20', 'v22', 'v24']);
});

test.each(nodeBinaries)('$version runs', ({ path, version }) => {
  expect(execFileSync(path, ['-p', 'process.version'], { encoding: 'utf8' }).trim()).toBe(version);
});

test('they leave the node in node_modules/.bin alone', () => {
  expect(existsSync(new URL('../../node_modules/.bin/node', import.meta.url))).toBe(false);
});
