import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { apiPages } from '../../scripts/api-pages.js';
import * as options from '../../src/options.ts';

const { pages, thin } = apiPages(options);
const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test.each(Object.entries(pages))('%s is what the docstrings say (npm run docs writes it)', (path, text) => {
  expect(read(path)).toBe(text);
});

test('there is a page for each entry point, and none beside', () => {
  const found = readdirSync(new URL('../../docs/api/', import.meta.url)).map((name) => `docs/api/${name}`);
  expect(found.sort()).toEqual(Object.keys(pages).sort());
});

test('everything that is public says what it is', () => {
  expect(thin).toEqual([]);
});
