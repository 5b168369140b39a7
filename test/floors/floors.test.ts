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
import { floors, isFile, linterConfiguration, mayImport, modules, specifier } from '../../scripts/floors.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
/** The path of the test file in a module. No other module has a file of this name. */
const probeOf = (module: string): string => (isFile(module) ? module : `${module}/part.ts`);

/** The imports of the test file of `module`: every other module, then the loader of the addon. */
function importsOf(module: string): string[] {
  const others = modules.filter((to) => to !== module);
  return [...others.map((to) => specifier(module, to, 'part.js')), 'node-gyp-build'];
}

/** The imports of {@link importsOf} that the floors forbid. */
function forbiddenTo(module: string): string[] {
  const others = modules.filter((to) => to !== module);
  return importsOf(module).filter((_, index) => {
    const to = others[index];
    return to === undefined ? module !== 'binding' : !mayImport(module, to);
  });
}

/** The paths of all TypeScript files in src/, relative to src/. */
function sources(folder = ''): string[] {
  return readdirSync(join(root, 'src', folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

describe('the floors of src/', () => {
  let folder: string;
  /** Room → the imports that the linter refused in it. */
  const refused = new Map<string, string[]>(modules.map((module) => [module, []]));

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'limpet-floors-'));
    for (const file of ['biome.json', 'biome.floors.json'])
      copyFileSync(join(root, file), join(folder, file));
    for (const module of modules) {
      const probe = join(folder, 'src', probeOf(module));
      mkdirSync(dirname(probe), { recursive: true });
      writeFileSync(
        probe,
        importsOf(module)
          .map((target) => `import '${target}';\n`)
          .join(''),
      );
    }
    const biome = join(root, 'node_modules', '.bin', 'biome');
    const flags = ['--vcs-enabled=false', '--only=style/noRestrictedImports', '--max-diagnostics=none'];
    const run = spawnSync(biome, ['lint', ...flags, '--reporter=github', 'src'], {
      cwd: folder,
      encoding: 'utf8',
    });
    const moduleOf = new Map(modules.map((module) => [probeOf(module), module]));
    for (const [, file = '', line] of run.stdout.matchAll(/\/src\/([^,]+),line=(\d+)/g)) {
      const module = moduleOf.get(file) as string;
      refused.get(module)?.push(importsOf(module)[Number(line) - 1] ?? '');
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(modules)('%s imports lower floors only', (module) => {
    expect(refused.get(module)?.toSorted()).toEqual(forbiddenTo(module).toSorted());
  });

  test('primary and worker never import each other', () => {
    expect(forbiddenTo('cluster/primary')).toContain('../worker/part.js');
    expect(forbiddenTo('cluster/primary/pool')).toContain('../../worker/part.js');
    expect(forbiddenTo('cluster/worker/app')).toContain('../../primary/listeners/part.js');
  });

  test('biome.floors.json is what scripts/floors.js writes', () => {
    expect(JSON.parse(read('biome.floors.json')), 'to write it again: node scripts/floors.js').toEqual(
      JSON.parse(linterConfiguration()),
    );
  });

  test('docs/design.md has the same floors', () => {
    const [, section = ''] = read('docs/design.md').split('\n## Layout\n');
    const drawn = [...section.matchAll(/^\| \d+ \| (.+?) \|/gm)].map(([, cell = '']) =>
      [...cell.matchAll(/`([^`]+)`/g)].map(([, module = '']) => module.replace(/\/$/, '')).toSorted(),
    );
    expect(drawn).toEqual(floors.map((floor) => [...floor].toSorted()));
  });

  test('every file of src/ is on a floor', () => {
    const unlisted = sources().filter(
      (file) => !modules.includes(file) && !modules.includes(posix.dirname(file)),
    );
    expect(unlisted).toEqual([]);
  });
});

describe('the folders', () => {
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

test('only native/node_api/ includes Node-API', () => {
  const files = readdirSync(join(root, 'native'), { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => /\.(cc|h)$/.test(name) && !name.startsWith('node_api/'));
  const including = files.filter((name) =>
    /#include\s*[<"](napi|node|node_api|js_native_api|v8|nan)\b/.test(read(join('native', name))),
  );
  expect(files.some((name) => name.endsWith('ring.cc'))).toBe(true);
  expect(including).toEqual([]);
});
