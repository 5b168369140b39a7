import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needs } from '../needs.ts';
import { nodeBinaries } from '../nodes/index.ts';
import { startAndVisit } from './first-app.ts';
import { EmptyProject, layOut, packInto, toolchainPath } from './project.ts';

if (needs('g++')) {
  test('where no prebuild fits, the install step builds the addon, and it serves on every Node', async () => {
    const place = mkdtempSync(join(tmpdir(), 'limpet-tarball-'));
    const project = new EmptyProject();
    try {
      const tarball = packInto(place, layOut(join(place, 'limpet'))).path;
      const path = `${join(project.folder, 'machine', 'bin')}:${toolchainPath}`;
      const { status, output } = project.install(tarball, { PATH: path });
      expect(status, output).toBe(0);
      for (const node of nodeBinaries) {
        const { handoff, seen, slots } = await startAndVisit(project, node.path);
        expect([node.version, handoff, seen.at(-1), slots]).toEqual([node.version, 'kernel', 24, 2]);
      }
    } finally {
      project.remove();
      rmSync(place, { recursive: true, force: true });
    }
  });
}
