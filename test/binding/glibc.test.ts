/** What the addon asks of the system that loads it, read from the file itself: it must load wherever Node does. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pathOf } from '../../scripts/test-tools.js';
import { prebuilds, root } from '../package/project.ts';

/** What Node's own binaries need from version 20 on. */
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

if (reason) test('what the addon asks of its system', ({ skip }) => skip(reason));
else {
  describe.each(addons)('%s', (addon) => {
    const text = execFileSync('readelf', ['-W', '-d', '-V', '--dyn-syms', join(root, addon)], {
      encoding: 'utf8',
    });

    test(`asks for no GLIBC newer than 2.${glibcMinorMax}, and for versions of nothing else`, () => {
      const versions = [...text.matchAll(/Name: (\S+) +Flags/g)].map(([, version = '']) => version);
      const tooNew = versions.filter((version) => {
        const [, minor] = /^GLIBC_2\.(\d+)(\.\d+)?$/.exec(version) ?? [];
        return minor === undefined || Number(minor) > glibcMinorMax;
      });
      expect(tooNew).toEqual([]);
    });

    test('needs the C library and no other: no C++ runtime, no libgcc', () => {
      const needed = [...text.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, library = '']) => library);
      expect(needed.filter((library) => !/^(libc\.so\.6|libc\.musl-\w+\.so\.1)$/.test(library))).toEqual([]);
    });

    test('has no C++ symbol that another library would have to bring', () => {
      const foreign = [...text.matchAll(/ GLOBAL +DEFAULT +UND +(\S+)/g)]
        .map(([, symbol = '']) => symbol)
        .filter((symbol) => !/^(napi|uv)_|@GLIBC_2/.test(symbol));
      expect(foreign).toEqual([]);
    });
  });
}

// Half a minute to build: elsewhere the local build stands for it.
if (process.env.CI === 'true') {
  test('the prebuild of this system is among them', () => {
    expect(prebuilds.map((path) => path.split('/')[0])).toContain(`${process.platform}-${process.arch}`);
  });
}
