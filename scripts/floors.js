/**
 * The floors (layers) of `src/`. `node scripts/floors.js` writes biome.floors.json, with which the linter enforces them.
 * docs/design.md has the same table. test/floors/ compares the two, and checks that the linter rejects a forbidden import.
 */
import { writeFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The floors, lowest first. A module is a folder without its subfolders, or a single file. A file may import its own module and lower
 * floors. Folders on one floor never import each other. Single files on one floor may.
 */
export const floors = [
  ['errors.ts', 'connection.ts', 'diagnostics.ts', 'checks.ts', 'affinity-options.ts', 'options.ts'],
  ['binding/typescript', 'metrics.ts'],
  ['binding'],
  ['ring', 'affinity', 'session/core', 'edge', 'control'],
  ['session/redis', 'session/local'],
  ['session/http'],
  ['session'],
  ['handoff', 'adapter'],
  ['handoff/kernel', 'handoff/fd', 'handoff/ipc', 'handoff/direct', 'adapter/forward'],
  ['adapter/node', 'adapter/uws'],
  ['adapter/recognize.ts'],
  ['cluster'],
  [
    'cluster/primary/errors.ts',
    'cluster/primary/router-events.ts',
    'cluster/primary/router-state.ts',
    'cluster/primary/counters.ts',
  ],
  ['cluster/primary/listeners', 'cluster/primary/upgrade', 'cluster/worker'],
  ['cluster/primary/pool', 'cluster/worker/app'],
  ['cluster/primary'],
  ['cluster/listen.ts'],
  ['watch'],
  ['index.ts', 'socket-io.ts', 'preload.ts'],
  ['cli'],
  ['cli/start', 'cli/doctor', 'cli/demo'],
  ['cli/commands'],
  ['cli/limpet.ts'],
];

/** Folders with the code of two processes. Neither imports the other, on any floor. */
export const apart = [['cluster/primary', 'cluster/worker']];

export const modules = floors.flat();
export const isFile = (module) => module.endsWith('.ts');
const floorOf = (module) => floors.findIndex((floor) => floor.includes(module));

export function mayImport(from, to) {
  const inside = (folder, module) => `${module}/`.startsWith(`${folder}/`);
  for (const [one, other] of apart) {
    if (inside(one, from) && inside(other, to)) return false;
    if (inside(other, from) && inside(one, to)) return false;
  }
  const [above, below] = [floorOf(from), floorOf(to)];
  return below < above || (below === above && floors[below].every(isFile));
}

/** The specifier with which a file of module `from` imports module `to`. For a folder, the specifier has a `*`. */
export function specifier(from, to, file = '*.js') {
  const folder = isFile(from) ? posix.dirname(from) : from;
  const target = isFile(to) ? to.replace(/\.ts$/, '.js') : posix.join(to, file);
  const path = posix.relative(folder, target);
  return path.startsWith('.') ? path : `./${path}`;
}

function configurationOf(module) {
  const others = modules.filter((to) => to !== module);
  const allowed = others.filter((to) => mayImport(module, to)).map((to) => `!${specifier(module, to)}`);
  // An allowed folder may contain files that are modules on a higher floor. Those stay forbidden.
  const refused = others
    .filter((to) => isFile(to) && !mayImport(module, to))
    .map((to) => specifier(module, to));
  // A file that is a module may import the files of its own folder only if they are on a lower floor.
  const own = isFile(module) ? ['./*.js'] : [];
  const group = ['./*/**', '../**', ...own, ...allowed, ...refused];
  if (module !== 'binding') group.push('node-gyp-build');
  return {
    includes: isFile(module)
      ? [`src/${module}`]
      : [
          `src/${module}/*.ts`,
          ...others.filter((to) => isFile(to) && posix.dirname(to) === module).map((to) => `!src/${to}`),
        ],
    linter: {
      rules: {
        style: {
          noRestrictedImports: {
            level: 'error',
            options: {
              patterns: [
                {
                  group,
                  message: `${module} may import its own module and lower floors only. See the floors in docs/design.md.`,
                },
              ],
            },
          },
        },
      },
    },
  };
}

export function linterConfiguration() {
  const head = { $schema: './node_modules/@biomejs/biome/configuration_schema.json' };
  return `${JSON.stringify({ ...head, overrides: modules.map(configurationOf) }, undefined, 2)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('../biome.floors.json', import.meta.url), linterConfiguration());
}
