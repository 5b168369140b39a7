/** Which addon is loaded, and what is said of it: asked of a copy of the package, in a process of its own. */
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

interface Said {
  readonly report: { kind: string; path?: string; reason: string };
  readonly area: string;
  readonly error?: { code: string; message: string; cause?: string };
  readonly hash: number;
  readonly notice: string;
}

/** What a process says that loads the binding under this LIMPET_BINDING, is noticed twice, and hashes. */
function ask(binding = ''): Said {
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
  return { ...(JSON.parse(stdout) as Omit<Said, 'notice'>), notice: stderr };
}

describe('with neither prebuild nor local build', () => {
  test('the twin serves, and says so once, in one line', () => {
    const { report, area, error, notice } = ask();
    expect(report).toEqual({
      kind: 'twin',
      reason: expect.stringMatching(/^no prebuild for .* and no local build in /),
    });
    expect([area, error]).toEqual(['undefined', undefined]);
    expect(notice).toMatch(/^limpet: no prebuild .*TypeScript twin serves.*\n$/);
  });

  test('a prebuild for another machine is none', () => {
    put('prebuilds/plan9-mips/limpet.node', 'broken');
    expect(ask().report.kind).toBe('twin');
  });

  test('LIMPET_BINDING=twin gets it without a word, LIMPET_BINDING=native an error', () => {
    expect(ask('twin')).toMatchObject({
      report: { kind: 'twin', reason: 'LIMPET_BINDING=twin' },
      notice: '',
    });
    expect(ask('native')).toMatchObject({
      report: { kind: 'failed' },
      error: { code: 'ERR_LIMPET_NATIVE', message: expect.stringMatching(/no prebuild.*npm rebuild limpet/) },
    });
  });

  test('LIMPET_BINDING with another word is an error', () => {
    expect(ask('fast').error).toMatchObject({
      code: 'ERR_LIMPET_OPTION',
      message: expect.stringMatching(/"fast"; expected "native" or "twin"/),
    });
  });
});

describe('with an addon that does not load', () => {
  test.each([prebuild, local])('%s: an error with its cause, never the twin', (path) => {
    put(path, 'broken');
    const { report, error, notice } = ask();
    expect(report).toMatchObject({ kind: 'failed', path: join(folder, path) });
    expect(error).toMatchObject({ code: 'ERR_LIMPET_NATIVE', cause: expect.any(String) });
    expect(error?.message).toContain(join(folder, path));
    expect(error?.message).toContain(error?.cause);
    expect(notice).toBe('');
    expect(ask('twin').report.kind).toBe('twin');
  });
});

describe('with an addon that loads', () => {
  const there = existsSync(built);
  const native = there
    ? test
    : (name: string, _: () => void) =>
        test(name, ({ skip }) => skip('no native addon here: npm run build:native makes it'));

  native('a local build serves, and the same answers come from either engine', () => {
    put(local, built);
    const said = ask();
    expect(said.report).toEqual({ kind: 'native', path: join(folder, local), reason: 'found and loaded' });
    expect([said.area, said.notice]).toEqual(['object', '']);
    expect(ask('native').report.kind).toBe('native');
    expect(ask('twin').hash).toBe(said.hash);
  });

  native('a prebuild comes before a local build', () => {
    put(local, built);
    put(prebuild, built);
    expect(ask().report.path).toBe(join(folder, prebuild));
  });

  native('a local build serves for a prebuild that does not load, and the report names that', () => {
    put(local, built);
    put(prebuild, 'broken');
    const { report } = ask();
    expect(report).toMatchObject({ kind: 'native', path: join(folder, local) });
    expect(report.reason).toContain(`${join(folder, prebuild)} does not load`);
  });
});
