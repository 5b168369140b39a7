/** The addon must load on every system on which Node runs. So these tests read from its file what it needs from the system. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pathOf } from '../../scripts/test-tools.js';
import { prebuilds, root } from '../package/project.ts';

/** Node's own binaries need this version of glibc, 2.28, from Node 20 on. */
const glibcMinorMax = 28;

const addons = [
  'build/Release/limpet.node',
  ...prebuilds.filter((path) => path.startsWith('linux')).map((path) => `prebuilds/${path}`),
].filter((path) => existsSync(join(root, path)));

const reason =
  process.platform !== 'linux'
    ? 'only Linux has ELF files'
    : addons.length === 0
      ? 'no native addon here: npm run build:native makes it'
      : pathOf('readelf')
        ? undefined
        : 'no readelf here (on Debian: apt-get install binutils)';

if (reason) test('what the addon needs from the system', ({ skip }) => skip(reason));
else {
  describe.each(addons)('%s', (addon) => {
    const text = execFileSync('readelf', ['-W', '-d', '-V', '--dyn-syms', join(root, addon)], {
      encoding: 'utf8',
    });

    test(`needs no GLIBC newer than 2.${glibcMinorMax}, and no versioned symbols of other libraries`, () => {
      const versions = [...text.matchAll(/Name: (\S+) +Flags/g)].map(([, version = '']) => version);
      const tooNew = versions.filter((version) => {
        const [, minor] = /^GLIBC_2\.(\d+)(\.\d+)?$/.exec(version) ?? [];
        return minor === undefined || Number(minor) > glibcMinorMax;
      });
      expect(tooNew).toEqual([]);
    });

    test('needs only the C library: no C++ runtime, no libgcc', () => {
      const needed = [...text.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, library = '']) => library);
      expect(needed.filter((library) => !/^(libc\.so\.6|libc\.musl-\w+\.so\.1)$/.test(library))).toEqual([]);
    });

    test('has no undefined C++ symbol', () => {
      const foreign = [...text.matchAll(/ GLOBAL +DEFAULT +UND +(\S+)/g)]
        .map(([, symbol = '']) => symbol)
        .filter((symbol) => !/^(napi|uv)_|@GLIBC_2/.test(symbol));
      expect(foreign).toEqual([]);
    });
  });
}

// A prebuild takes half a minute to build. Outside CI only the local build is tested.
if (process.env.CI === 'true') {
  test('there is a prebuild for this system', () => {
    expect(prebuilds.map((path) => path.split('/')[0])).toContain(`${process.platform}-${process.arch}`);
  });
}
