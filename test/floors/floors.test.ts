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
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { floors, isFile, linterConfiguration, mayImport, rooms, specifier } from '../../scripts/floors.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
/** The file that stands for a room. Its name is not one that another room has in this folder. */
const probeOf = (room: string): string => (isFile(room) ? room : `${room}/part.ts`);

/** Everything that the probe of `room` imports: each other room, then the addon's loader. */
function importsOf(room: string): string[] {
  const others = rooms.filter((to) => to !== room);
  return [...others.map((to) => specifier(room, to, 'part.js')), 'node-gyp-build'];
}

/** The part of {@link importsOf} that the floors forbid. */
function forbiddenTo(room: string): string[] {
  const others = rooms.filter((to) => to !== room);
  return importsOf(room).filter((_, index) => {
    const to = others[index];
    return to === undefined ? room !== 'binding' : !mayImport(room, to);
  });
}

/** The TypeScript files below src/, without src/. */
function sources(folder = ''): string[] {
  return readdirSync(join(root, 'src', folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith('.ts') ? [path] : [];
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
      const probe = join(place, 'src', probeOf(room));
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
    const roomOf = new Map(rooms.map((room) => [probeOf(room), room]));
    for (const [, file = '', line] of run.stdout.matchAll(/\/src\/([^,]+),line=(\d+)/g)) {
      const room = roomOf.get(file) as string;
      refused.get(room)?.push(importsOf(room)[Number(line) - 1] ?? '');
    }
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  test.each(rooms)('%s imports lower floors only', (room) => {
    expect(refused.get(room)?.toSorted()).toEqual(forbiddenTo(room).toSorted());
  });

  test('primary and worker never import each other', () => {
    expect(forbiddenTo('cluster/primary')).toContain('../worker/part.js');
    expect(forbiddenTo('cluster/primary/pool')).toContain('../../worker/part.js');
    expect(forbiddenTo('cluster/worker/app')).toContain('../../primary/listeners/part.js');
  });

  test('the linter is configured as scripts/floors.js says', () => {
    expect(JSON.parse(read('biome.floors.json')), 'write it anew: node scripts/floors.js').toEqual(
      JSON.parse(linterConfiguration()),
    );
  });

  test('docs/design.md draws the same floors', () => {
    const [, section = ''] = read('docs/design.md').split('\n## Layout\n');
    const drawn = [...section.matchAll(/^\| \d+ \| (.+?) \|/gm)].map(([, cell = '']) =>
      [...cell.matchAll(/`([^`]+)`/g)].map(([, room = '']) => room.replace(/\/$/, '')).toSorted(),
    );
    expect(drawn).toEqual(floors.map((floor) => [...floor].toSorted()));
  });

  test('every file of src/ stands on a floor', () => {
    const homeless = sources().filter(
      (file) => !rooms.includes(file) && !rooms.includes(posix.dirname(file)),
    );
    expect(homeless).toEqual([]);
  });
});

describe('the rooms', () => {
  const folders = ['src', 'native', 'test', 'bench', 'scripts'].flatMap((top) => [
    top,
    ...readdirSync(join(root, top), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ parentPath, name }) => posix.join(parentPath.slice(root.length), name)),
  ]);
  const own = folders.filter((folder) => !/node_modules|corpus|results/.test(folder));

  test.each(own)('%s has at most 16 files', (folder) => {
    const files = readdirSync(join(root, folder), { withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.length).toBeLessThanOrEqual(16);
  });

  test.each(sources())('%s has at most 300 lines', (file) => {
    expect(read(join('src', file)).split('\n').length - 1).toBeLessThanOrEqual(300);
  });
});

test('only native/node_api/ sees Node-API', () => {
  const files = readdirSync(join(root, 'native'), { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => /\.(cc|h)$/.test(name) && !name.startsWith('node_api/'));
  const seeing = files.filter((name) =>
    /#include\s*[<"](napi|node|node_api|js_native_api|v8|nan)\b/.test(read(join('native', name))),
  );
  expect(files.some((name) => name.endsWith('ring.cc'))).toBe(true);
  expect(seeing).toEqual([]);
});
