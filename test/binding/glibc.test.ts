import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const addon = fileURLToPath(new URL('../../build/Release/limpet.node', import.meta.url));

/** What Node 20's own binaries need: a prebuild must load wherever they run. */
const minorMax = 28;

test('the addon asks for no newer GLIBC than Node does, and for no other C++ runtime', ({ skip }) => {
  if (process.platform !== 'linux') skip('only Linux has GLIBC');
  if (!existsSync(addon)) skip('no native addon here: npm run build:native makes it');
  const names = readFileSync(addon, 'latin1');
  const minors = [...names.matchAll(/\bGLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
  expect(Math.max(0, ...minors)).toBeLessThanOrEqual(minorMax);
  expect(names).not.toMatch(/GLIBCXX_|CXXABI_|libstdc\+\+\.so|libgcc_s\.so/);
});
