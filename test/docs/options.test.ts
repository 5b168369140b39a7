import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { defaultsOf, withOptionTables } from '../../scripts/options-table.js';
import * as options from '../../src/options.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('the tables of options in the README are up to date with src/options.ts (npm run docs writes them)', () => {
  const page = read('README.md');
  expect(page).toBe(withOptionTables(page, read('src/options.ts'), defaultsOf(options)));
});
