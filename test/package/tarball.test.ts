import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { layOut, packInto, prebuilds, root, type Tarball } from './project.ts';

let place: string;
let tarball: Tarball;
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'limpet-tarball-'));
  tarball = packInto(place);
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

test('the tarball has only the files that a user needs', () => {
  const wanted =
    /^(dist\/.+\.(js|d\.ts)|native\/.+\.(cc|h)|native\/exports\.map|dist\/watch\/page\/page\.(html|css)|prebuilds\/.+\.node|binding\.gyp|scripts\/(install|node-headers)\.js|package\.json|README\.md|CHANGELOG\.md|LICENSE)$/;
  expect(tarball.files.filter((file) => !wanted.test(file))).toEqual([]);
  expect(tarball.files).toEqual(
    expect.arrayContaining([
      'dist/index.js',
      'native/ring/ring.cc',
      'native/exports.map',
      'binding.gyp',
      'LICENSE',
    ]),
  );
});

test('without its prebuilds, it is smaller than 370 kB to download and 1.2 MB installed', () => {
  const { size, unpackedSize } = packInto(place, layOut(join(place, 'limpet')));
  expect(size).toBeLessThan(370_000);
  expect(unpackedSize).toBeLessThan(1_200_000);
});

test.each(prebuilds)('prebuilds/%s is smaller than 500 kB', (path) => {
  expect(statSync(join(root, 'prebuilds', path)).size).toBeLessThan(500_000);
});

test.each(['package-lock.json', 'test/nodes/package-lock.json', 'test/mutation/package-lock.json'])(
  '%s names no registry',
  (path) => {
    const lock = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
    expect(lock).not.toMatch(/"resolved": "https?:/);
  },
);
