import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { defaultsOf, withOptionTables } from '../../scripts/options-table.js';
import * as options from '../../src/options.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test("the README's tables of options are what src/options.ts says (npm run docs writes them)", () => {
  const page = read('README.md');
  expect(page).toBe(withOptionTables(page, read('src/options.ts'), defaultsOf(options)));
});
