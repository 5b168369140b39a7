/**
 * The floors of `src/`, and the linter's configuration that holds them: `node scripts/floors.js` writes biome.floors.json.
 * docs/design.md draws the same table, and test/floors/ compares the two and shows that the linter refuses.
 */
import { writeFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * From the ground up. A room is a folder without its subfolders, or a single file. A file may import its own room and lower
 * floors; rooms of one floor never import each other. Single files that stand on a floor together may.
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

/** Code of two processes: neither folder imports the other, on whatever floors their rooms stand. */
export const apart = [['cluster/primary', 'cluster/worker']];

export const rooms = floors.flat();
export const isFile = (room) => room.endsWith('.ts');
const floorOf = (room) => floors.findIndex((floor) => floor.includes(room));

export function mayImport(from, to) {
  const inside = (folder, room) => `${room}/`.startsWith(`${folder}/`);
  for (const [one, other] of apart) {
    if (inside(one, from) && inside(other, to)) return false;
    if (inside(other, from) && inside(one, to)) return false;
  }
  const [above, below] = [floorOf(from), floorOf(to)];
  return below < above || (below === above && floors[below].every(isFile));
}

/** The import of room `to` as a file of room `from` writes it; a folder stands for each of its files. */
export function specifier(from, to, file = '*.js') {
  const folder = isFile(from) ? posix.dirname(from) : from;
  const target = isFile(to) ? to.replace(/\.ts$/, '.js') : posix.join(to, file);
  const path = posix.relative(folder, target);
  return path.startsWith('.') ? path : `./${path}`;
}

function configurationOf(room) {
  const others = rooms.filter((to) => to !== room);
  const allowed = others.filter((to) => mayImport(room, to)).map((to) => `!${specifier(room, to)}`);
  // An allowed folder does not bring those of its files that are rooms of their own and stand higher.
  const refused = others.filter((to) => isFile(to) && !mayImport(room, to)).map((to) => specifier(room, to));
  // A file that is a room of its own sees only those of its folder's files that stand lower.
  const own = isFile(room) ? ['./*.js'] : [];
  const group = ['./*/**', '../**', ...own, ...allowed, ...refused];
  if (room !== 'binding') group.push('node-gyp-build');
  return {
    includes: isFile(room)
      ? [`src/${room}`]
      : [
          `src/${room}/*.ts`,
          ...others.filter((to) => isFile(to) && posix.dirname(to) === room).map((to) => `!src/${to}`),
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
                  message: `${room} imports its own room and lower floors only. The floors are drawn in docs/design.md.`,
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
  return `${JSON.stringify({ ...head, overrides: rooms.map(configurationOf) }, undefined, 2)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('../biome.floors.json', import.meta.url), linterConfiguration());
}
