import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

function doctor(folder: string, args: string[] = []) {
  const run = spawnSync(process.execPath, [join(folder, 'dist/cli/limpet.js'), 'doctor', ...args], {
    encoding: 'utf8',
  });
  return { code: run.status, out: run.stdout, err: run.stderr };
}

/** Copies limpet as it is installed in node_modules, without an addon. */
function copyOfLimpet(): string {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-doctor-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

describe('limpet doctor', () => {
  it('names the addon, and checks the kernel handoff', () => {
    const { code, out, err } = doctor(root);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('the native addon, ');
    expect(out).toMatch(
      process.platform === 'linux' ? /^ok {4}kernel handoff/m : /^note {2}kernel handoff: not available: /m,
    );
  });

  it('without an addon names the TypeScript implementation, the reason and the advice, and exits with 0', () => {
    const { code, out } = doctor(copyOfLimpet());
    expect(code).toBe(0);
    expect(out).toMatch(
      /^note {2}binding: the TypeScript implementation, because no prebuild .* no local build/m,
    );
    expect(out).toContain('npm rebuild limpet');
    expect(out).toMatch(/^note {2}kernel handoff: not available without the native addon/m);
  });

  it('reports an addon that does not load as BAD, with the message of the loader', () => {
    const folder = copyOfLimpet();
    mkdirSync(join(folder, 'build/Release'), { recursive: true });
    writeFileSync(join(folder, 'build/Release/limpet.node'), 'no library');
    const { code, out } = doctor(folder);
    expect(code).toBe(1);
    expect(out).toMatch(/^BAD {3}binding: .*does not load/m);
  });

  it('prints the findings as JSON with --json', () => {
    const findings = JSON.parse(doctor(root, ['--json']).out) as { about: string; verdict: string }[];
    const abouts = findings.map(({ about }) => about);
    expect(abouts.slice(0, 4)).toEqual(['Node.js', 'binding', 'kernel handoff', 'control socket']);
    expect(abouts).toEqual(expect.arrayContaining(['cores', 'ulimit -n', 'uWebSockets.js']));
    if (process.platform === 'linux') {
      expect(abouts).toEqual(expect.arrayContaining(['somaxconn', 'optmem_max']));
    }
  });

  it('prints advice if a limit is low', () => {
    const words = 'ulimit -n 256; exec "$0" "$@"';
    const run = spawnSync('sh', ['-c', words, process.execPath, join(root, 'dist/cli/limpet.js'), 'doctor'], {
      encoding: 'utf8',
    });
    expect(run.status).toBe(0);
    expect(run.stdout).toMatch(/^note {2}ulimit -n: a process may open 256 .*\n {6}→ .*ulimit -n \d+/m);
  });
});
