/** Installs limpet once, from a prebuild or from source, and starts it with every supported Node.js. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { needs } from '../needs.ts';
import { nodeBinaries } from '../nodes/index.ts';
import { ofBothSlots, startAndVisit, withRequire } from './first-app.ts';
import { addon, EmptyProject, layOut, packInto, toolchainPath } from './project.ts';

let place: string;
let project: EmptyProject;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'limpet-tarball-'));
  project = new EmptyProject();
});
afterEach(() => {
  project.remove();
  rmSync(place, { recursive: true, force: true });
});

async function expectToServeWithEachNode(): Promise<void> {
  for (const { version, path } of nodeBinaries) {
    expect(await startAndVisit(project, path), version).toEqual({ ...ofBothSlots, handoff: 'kernel' });
    expect(await project.run(withRequire, 'cjs', path), version).toEqual({ status: 0, output: 'served\n' });
  }
}

test('one prebuild works with every Node.js, without a compiler and an install step', async () => {
  const { path } = packInto(place, layOut(join(place, 'limpet'), addon));
  const { status, output } = project.install(path, {}, '--ignore-scripts');
  expect(status, output).toBe(0);
  await expectToServeWithEachNode();
});

if (needs('g++')) {
  test('one build from source works with every Node.js if no prebuild fits', {
    timeout: 300_000,
  }, async () => {
    const { path } = packInto(place, layOut(join(place, 'limpet')));
    const machine = `${join(project.folder, 'machine', 'bin')}:${toolchainPath}`;
    const { status, output } = project.install(path, { PATH: machine });
    expect(status, output).toBe(0);
    await expectToServeWithEachNode();
  });
}
