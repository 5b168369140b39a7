/** What comes with `npm install limpet`: its packages, their licences, their install steps. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './project.ts';

interface Locked {
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> };

/** The folders of all packages that a user gets, limpet's own left out. */
const shipped = Object.entries(lock.packages)
  .filter(([folder, { dev }]) => folder !== '' && !dev)
  .map(([folder]) => folder);

/** Licences that ask for nothing but their own text. */
const permissive = ['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause'];

test.each(shipped)('%s has a permissive licence', (folder) => {
  const { license } = JSON.parse(read(`${folder}/package.json`)) as { license?: string };
  expect(permissive).toContain(license);
});

test('none of them runs anything when it is installed', () => {
  expect(shipped.filter((folder) => lock.packages[folder]?.hasInstallScript)).toEqual([]);
});

test("limpet's own install step is the addon's, and there is no other", () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  expect([scripts.preinstall, scripts.install, scripts.postinstall]).toEqual([
    undefined,
    'node scripts/install.js',
    undefined,
  ]);
});

test('docs/install.md gives the reason for each, and counts them', () => {
  const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
  const page = read('docs/install.md');
  const listed = [...page.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, name]) => name);
  expect(listed).toEqual(Object.keys(dependencies));
  expect(page).toContain(`${listed.length} packages, ${shipped.length} with theirs`);
});
