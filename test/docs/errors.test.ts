import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { errorCodes } from '../../src/errors.ts';
import { pages } from './pages.ts';

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

test('docs/errors.md has one row for each code, with the same text and order as src/errors.ts, and a remedy', () => {
  const rows = [...page.matchAll(/^\| `(ERR_LIMPET_\w+)` \| (.+?) \| (.+) \|$/gm)];
  expect(rows.map(([, code, when]) => [code, when])).toEqual(Object.entries(errorCodes));
  expect(rows.filter(([, , , remedy]) => !remedy?.endsWith('.'))).toEqual([]);
});

test.each(pages)('$path names only codes that exist', ({ text }) => {
  // `ERR_LIMPET_ADDRESS_*` means several codes.
  const named = text.match(/ERR_LIMPET_[A-Z_]*[A-Z](?![A-Z_*])/g) ?? [];
  expect(named.filter((code) => !(code in errorCodes))).toEqual([]);
});
