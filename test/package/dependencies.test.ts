/** The packages that `npm install limpet` installs: their licences and install steps. */
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

/** The folders of all packages that a user gets in addition to limpet. */
const shipped = Object.entries(lock.packages)
  .filter(([folder, { dev }]) => folder !== '' && !dev)
  .map(([folder]) => folder);

/** Licences whose only condition is that their text is kept. */
const permissive = ['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause'];

test.each(shipped)('%s has a permissive licence', (folder) => {
  const { license } = JSON.parse(read(`${folder}/package.json`)) as { license?: string };
  expect(permissive).toContain(license);
});

test('no dependency has an install step', () => {
  expect(shipped.filter((folder) => lock.packages[folder]?.hasInstallScript)).toEqual([]);
});

test('limpet has one install step, which builds the addon', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  expect([scripts.preinstall, scripts.install, scripts.postinstall]).toEqual([
    undefined,
    'node scripts/install.js',
    undefined,
  ]);
});

test('docs/install.md lists every dependency with its reason, and the number of packages', () => {
  const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
  const page = read('docs/install.md');
  const listed = [...page.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, name]) => name);
  expect(listed).toEqual(Object.keys(dependencies));
  expect(page).toContain(`${listed.length} packages, ${shipped.length} with theirs`);
});
