import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { apiPages } from '../../scripts/api-pages.js';
import * as options from '../../src/options.ts';

const { pages, thin } = apiPages(options);
const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test.each(Object.entries(pages))(
  '%s is up to date with the docstrings (npm run docs writes it)',
  (path, text) => {
    expect(read(path)).toBe(text);
  },
);

test('docs/api has exactly one page for each entry point', () => {
  const found = readdirSync(new URL('../../docs/api/', import.meta.url)).map((name) => `docs/api/${name}`);
  expect(found.sort()).toEqual(Object.keys(pages).sort());
});

test('every public name has a docstring', () => {
  expect(thin).toEqual([]);
});
