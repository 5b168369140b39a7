import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ofBothSlots, startAndVisit, withImport, withRequire } from './first-app.ts';
import { addon, EmptyProject, layOut, packInto, toolchainPath } from './project.ts';

describe('limpet installed from its tarball, on a machine without a compiler', () => {
  let place: string;
  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), 'limpet-tarball-'));
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  describe('with its prebuild and no install step', () => {
    let project: EmptyProject;
    beforeAll(() => {
      project = new EmptyProject();
      const { path } = packInto(place, layOut(join(place, 'with-prebuild'), addon));
      const { status, output } = project.install(path, {}, '--ignore-scripts');
      expect(status, output).toBe(0);
    });
    afterAll(() => project.remove());

    test('import, require, command line, kernel handoff, sessions', async () => {
      const [served, required] = await Promise.all([
        startAndVisit(project, process.execPath),
        project.run(withRequire, 'cjs'),
      ]);
      expect(served).toEqual({ ...ofBothSlots, handoff: process.platform === 'linux' ? 'kernel' : 'fd' });
      expect(required).toEqual({ status: 0, output: 'served\n' });
    });

    test('the install step leaves it as it is, without a word', () => {
      const { status, output } = project.npm('rebuild', '--foreground-scripts', 'limpet');
      expect(status, output).toBe(0);
      expect(output).not.toMatch(/^limpet:/m);
      expect(existsSync(join(project.folder, 'node_modules/limpet/build'))).toBe(false);
    });
  });

  describe('with neither prebuild nor compiler', () => {
    let tarball: string;
    let project: EmptyProject;
    beforeAll(() => {
      tarball = packInto(place, layOut(join(place, 'without-prebuild'))).path;
    });
    beforeEach(() => {
      project = new EmptyProject();
    });
    afterEach(() => project.remove());

    test('it installs, says in one line why it is slower, and serves', async () => {
      const { status, output } = project.install(tarball);
      expect(status, output).toBe(0);
      const notices = output.split('\n').filter((line) => line.startsWith('limpet:'));
      expect(notices).toEqual([
        'limpet: no native addon here (no C++ compiler: g++ is not in PATH); the slower TypeScript twin takes over.',
      ]);
      const [served, ...runs] = await Promise.all([
        startAndVisit(project, process.execPath),
        project.run(withImport, 'mjs'),
        project.run(withRequire, 'cjs'),
      ]);
      expect(served).toEqual({ ...ofBothSlots, handoff: 'ipc' });
      for (const run of runs) {
        expect(run).toEqual({
          status: 0,
          output: expect.stringMatching(/^served\nlimpet: .+TypeScript implementation.+\n$/),
        });
      }
    });

    test("a compiler that fails fails the install, in the compiler's words", () => {
      const compiler = join(place, 'broken-compiler');
      writeFileSync(compiler, '#!/bin/sh\necho "this compiler is out of order" >&2\nexit 1\n');
      chmodSync(compiler, 0o755);
      const path = `${join(project.folder, 'machine', 'bin')}:${toolchainPath}`;
      const { status, output } = project.install(tarball, { PATH: path, CXX: compiler });
      expect(status).not.toBe(0);
      expect(output).toContain('this compiler is out of order');
      expect(output).toContain('install with --ignore-scripts');
    });
  });
});
