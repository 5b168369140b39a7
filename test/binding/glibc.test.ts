/** Reads from the addon's file which symbols it needs and which it exports. It must load on every system that Node.js runs on. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pathOf } from '../../scripts/test-tools.js';
import { prebuilds, root } from '../package/project.ts';

/** Node's own binaries need GLIBC 2.28 from version 20 on. */
const glibcMinorMax = 28;

const addons = [
  'build/Release/limpet.node',
  ...prebuilds.filter((path) => path.startsWith('linux')).map((path) => `prebuilds/${path}`),
].filter((path) => existsSync(join(root, path)));

const reason =
  process.platform !== 'linux'
    ? 'only Linux has ELF files'
    : addons.length === 0
      ? 'no native addon here: run npm run build:native'
      : pathOf('readelf')
        ? undefined
        : 'no readelf here (on Debian: apt-get install binutils)';

if (reason) test('the addon loads on every system that Node.js runs on', ({ skip }) => skip(reason));
else {
  describe.each(addons)('%s', (addon) => {
    const text = execFileSync('readelf', ['-W', '-d', '-V', '--dyn-syms', join(root, addon)], {
      encoding: 'utf8',
    });

    test(`needs no GLIBC newer than 2.${glibcMinorMax}, and no symbol version of another library`, () => {
      const versions = [...text.matchAll(/Name: (\S+) +Flags/g)].map(([, version = '']) => version);
      const tooNew = versions.filter((version) => {
        const [, minor] = /^GLIBC_2\.(\d+)(\.\d+)?$/.exec(version) ?? [];
        return minor === undefined || Number(minor) > glibcMinorMax;
      });
      expect(tooNew).toEqual([]);
    });

    test('needs the C library alone: neither libstdc++ nor libgcc', () => {
      const needed = [...text.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, library = '']) => library);
      expect(needed.filter((library) => !/^(libc\.so\.6|libc\.musl-\w+\.so\.1)$/.test(library))).toEqual([]);
    });

    test('leaves no C++ symbol undefined', () => {
      const foreign = [...text.matchAll(/ GLOBAL +DEFAULT +UND +(\S+)/g)]
        .map(([, symbol = '']) => symbol)
        .filter((symbol) => !/^(napi|uv)_|@GLIBC_2/.test(symbol));
      expect(foreign).toEqual([]);
    });

    test('exports the two symbols that Node.js looks up, and no other', () => {
      const exported = [...text.matchAll(/ (?:GLOBAL|WEAK|UNIQUE) +DEFAULT +(?!UND)\S+ +(\S+)/g)].map(
        ([, symbol = '']) => symbol,
      );
      expect(exported.toSorted()).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
    });
  });
}

// The prebuild takes half a minute to build. Outside CI the local build is tested instead.
if (process.env.CI === 'true') {
  test('there is a prebuild for this system', () => {
    expect(prebuilds.map((path) => path.split('/')[0])).toContain(`${process.platform}-${process.arch}`);
  });
}
