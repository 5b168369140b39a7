import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** The floors of src/, written a second time on purpose: the linter's configuration is held against this table. */
const floors: readonly (readonly string[])[] = [
  ['errors.ts', 'connection.ts', 'diagnostics.ts', 'checks.ts', 'affinity-options.ts', 'options.ts'],
  ['binding', 'metrics.ts'],
  ['ring', 'affinity', 'session', 'edge', 'control'],
  ['handoff', 'adapter'],
  ['cluster'],
  ['watch'],
  ['index.ts', 'socket-io.ts', 'preload.ts'],
  ['cli'],
];
const root = fileURLToPath(new URL('../..', import.meta.url));
const rooms = floors.flat();
const floorOf = (room: string): number => floors.findIndex((floor) => floor.includes(room));
const isFile = (room: string): boolean => room.endsWith('.ts');
/** Floors of single files (0 and 6) are shared ground: their files may import each other. */
const sharesGround = (from: string, to: string): boolean =>
  floorOf(from) === floorOf(to) && (floors[floorOf(from)]?.every(isFile) ?? false);
const mayImport = (from: string, to: string): boolean =>
  floorOf(to) < floorOf(from) || sharesGround(from, to);

/** Everything that a probe file in `room` imports: each other room, then the addon's loader. */
function importsOf(room: string): string[] {
  const up = isFile(room) ? '.' : '..';
  const others = rooms.filter((to) => to !== room);
  return [
    ...others.map((to) => `${up}/${isFile(to) ? to.replace('.ts', '.js') : `${to}/part.js`}`),
    'node-gyp-build',
  ];
}

/** The part of {@link importsOf} that the floors forbid. */
function forbiddenTo(room: string): string[] {
  const others = rooms.filter((to) => to !== room);
  return importsOf(room).filter((_, index) => {
    const to = others[index];
    return to === undefined ? room !== 'binding' : !mayImport(room, to);
  });
}

describe('the floors of src/', () => {
  let place: string;
  /** Room → the imports that the linter refused in it. */
  const refused = new Map<string, string[]>(rooms.map((room) => [room, []]));

  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), 'limpet-floors-'));
    for (const file of ['biome.json', 'biome.floors.json']) copyFileSync(join(root, file), join(place, file));
    for (const room of rooms) {
      const probe = join(place, 'src', isFile(room) ? room : `${room}/part.ts`);
      mkdirSync(dirname(probe), { recursive: true });
      writeFileSync(
        probe,
        importsOf(room)
          .map((target) => `import '${target}';\n`)
          .join(''),
      );
    }
    const biome = join(root, 'node_modules', '.bin', 'biome');
    const flags = ['--vcs-enabled=false', '--only=style/noRestrictedImports', '--max-diagnostics=none'];
    const run = spawnSync(biome, ['lint', ...flags, '--reporter=github', 'src'], {
      cwd: place,
      encoding: 'utf8',
    });
    for (const [, room = '', line] of run.stdout.matchAll(/\/src\/([^,/]+)[^,]*,line=(\d+)/g)) {
      refused.get(room)?.push(importsOf(room)[Number(line) - 1] ?? '');
    }
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  test.each(rooms)('%s imports lower floors only', (room) => {
    expect(refused.get(room)?.toSorted()).toEqual(forbiddenTo(room).toSorted());
  });

  test('every file and folder of src/ stands on a floor', () => {
    expect(readdirSync(join(root, 'src')).filter((name) => !rooms.includes(name))).toEqual([]);
  });
});

test('only native/node_api/ sees Node-API', () => {
  const sources = readdirSync(join(root, 'native'), { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => /\.(cc|h)$/.test(name) && !name.startsWith('node_api/'));
  const seeing = sources.filter((name) =>
    /#include\s*[<"](napi|node|node_api|js_native_api|v8|nan)\b/.test(
      readFileSync(join(root, 'native', name), 'utf8'),
    ),
  );
  expect(sources).toContain('ring.cc');
  expect(seeing).toEqual([]);
});
