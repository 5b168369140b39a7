/** Which addon is loaded, and what is reported. Each test asks a process of its own, in a copy of the package. */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const built = join(root, 'build/Release/limpet.node');
const prebuild = `prebuilds/${process.platform}-${process.arch}/limpet.node`;
const local = 'build/Release/limpet.node';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'limpet-loader-'));
  writeFileSync(join(folder, 'package.json'), '{ "name": "limpet", "type": "module" }');
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(path: string, from: string | 'broken'): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  if (from === 'broken') writeFileSync(join(folder, path), 'no library');
  else copyFileSync(from, join(folder, path));
}

interface Report {
  readonly report: { kind: string; path?: string; reason: string };
  readonly area: string;
  readonly error?: { code: string; message: string; cause?: string };
  readonly hash: number;
  readonly notice: string;
}

/** The output of a process that loads the binding with this LIMPET_BINDING, calls `warnWithoutAddon` twice, and hashes. */
function ask(binding = ''): Report {
  const at = (file: string): string => JSON.stringify(pathToFileURL(join(folder, 'dist', file)).href);
  const program = `
    import { bindingReport, native, warnWithoutAddon } from ${at('binding/native.js')};
    import { hash32 } from ${at('ring/index.js')};
    const said = { report: bindingReport() };
    warnWithoutAddon();
    warnWithoutAddon();
    try {
      said.area = typeof native()?.ring;
      said.hash = hash32(new Uint8Array(8), new Uint8Array(1000));
    } catch ({ code, message, cause }) {
      said.error = { code, message, cause: cause?.message };
    }
    console.log(JSON.stringify(said));`;
  const { LIMPET_BINDING: _, ...env } = process.env;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    env: binding === '' ? env : { ...env, LIMPET_BINDING: binding },
    encoding: 'utf8',
  });
  return { ...(JSON.parse(stdout) as Omit<Report, 'notice'>), notice: stderr };
}

describe('without a prebuild and a local build', () => {
  test('limpet uses the TypeScript implementation and reports it once, in one line', () => {
    const { report, area, error, notice } = ask();
    expect(report).toEqual({
      kind: 'twin',
      reason: expect.stringMatching(/^no prebuild for .* and no local build in /),
    });
    expect([area, error]).toEqual(['undefined', undefined]);
    expect(notice).toMatch(/^limpet: no prebuild .*TypeScript implementation.*\n$/);
  });

  test('a prebuild for another platform is not loaded', () => {
    put('prebuilds/plan9-mips/limpet.node', 'broken');
    expect(ask().report.kind).toBe('twin');
  });

  test('LIMPET_BINDING=twin prints no notice, LIMPET_BINDING=native is an error', () => {
    expect(ask('twin')).toMatchObject({
      report: { kind: 'twin', reason: 'LIMPET_BINDING=twin' },
      notice: '',
    });
    expect(ask('native')).toMatchObject({
      report: { kind: 'failed' },
      error: { code: 'ERR_LIMPET_NATIVE', message: expect.stringMatching(/no prebuild.*npm rebuild limpet/) },
    });
  });

  test('another value of LIMPET_BINDING is an error', () => {
    expect(ask('fast').error).toMatchObject({
      code: 'ERR_LIMPET_OPTION',
      message: expect.stringMatching(/"fast"; expected "native" or "twin"/),
    });
  });
});

describe('with an addon that does not load', () => {
  test.each([prebuild, local])(
    '%s: the process gets an error with the cause, not the TypeScript implementation',
    (path) => {
      put(path, 'broken');
      const { report, error, notice } = ask();
      expect(report).toMatchObject({ kind: 'failed', path: join(folder, path) });
      expect(error).toMatchObject({ code: 'ERR_LIMPET_NATIVE', cause: expect.any(String) });
      expect(error?.message).toContain(join(folder, path));
      expect(error?.message).toContain(error?.cause);
      expect(notice).toBe('');
      expect(ask('twin').report.kind).toBe('twin');
    },
  );
});

describe('with an addon that loads', () => {
  const native = existsSync(built)
    ? test
    : (name: string, _: () => void) =>
        test(name, ({ skip }) => skip('no native addon here: npm run build:native makes it'));

  native('a local build is loaded, and both implementations give the same result', () => {
    put(local, built);
    const result = ask();
    expect(result.report).toEqual({ kind: 'native', path: join(folder, local), reason: 'found and loaded' });
    expect([result.area, result.notice]).toEqual(['object', '']);
    expect(ask('native').report.kind).toBe('native');
    expect(ask('twin').hash).toBe(result.hash);
  });

  native('a prebuild is preferred to a local build', () => {
    put(local, built);
    put(prebuild, built);
    expect(ask().report.path).toBe(join(folder, prebuild));
  });

  native('if the prebuild does not load, the local build is used and the report names the prebuild', () => {
    put(local, built);
    put(prebuild, 'broken');
    const { report } = ask();
    expect(report).toMatchObject({ kind: 'native', path: join(folder, local) });
    expect(report.reason).toContain(`${join(folder, prebuild)} does not load`);
  });
});
