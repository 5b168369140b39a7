import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { EmptyProject, packInto, toolchainPath } from './project.ts';

/** A server that answers one client of its own and ends: what a newcomer does in the first minute. */
const firstMinute = `
  if (!listen(server, { port: 0, host: '127.0.0.1' }, { workers: 2 })) {
    server.once('listening', async () => {
      const answer = await fetch('http://127.0.0.1:' + server.address().port);
      console.log(await answer.text());
      server.close();
    });
  }`;
const withImport = `
  import { createServer } from 'node:http';
  import { listen } from 'limpet';
  const server = createServer((request, response) => response.end('served'));${firstMinute}`;
const withRequire = `
  const { listen } = require('limpet');
  const server = require('http').createServer((request, response) => response.end('served'));${firstMinute}`;

describe('limpet installed from its tarball', () => {
  let place: string;
  let tarball: string;
  let project: EmptyProject;
  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), 'limpet-tarball-'));
    tarball = packInto(place).path;
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));
  beforeEach(() => {
    project = new EmptyProject();
  });
  afterEach(() => project.remove());

  test('without a compiler it installs, says in one line why it is slower, and serves', () => {
    const { status, output } = project.install(tarball);
    expect(status, output).toBe(0);
    const notices = output.split('\n').filter((line) => line.startsWith('limpet:'));
    expect(notices).toEqual([
      'limpet: no native addon here (no C++ compiler: g++ is not in PATH); the slower TypeScript twin takes over.',
    ]);
    for (const [program, extension] of [
      [withImport, 'mjs'],
      [withRequire, 'cjs'],
    ] as const) {
      const run = project.run(program, extension);
      expect(run).toEqual({
        status: 0,
        output: expect.stringMatching(/^served\nlimpet: .+TypeScript twin.+\n$/),
      });
    }
  });

  test('with scripts ignored it serves all the same', () => {
    expect(project.install(tarball, {}, '--ignore-scripts').status).toBe(0);
    expect(project.run(withImport, 'mjs').output).toMatch(/^served\n/);
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
