import { fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/**
 * Measures reads and writes of sessions, without a server and through Express. Starts a redis-server for it.
 * @param {import('../parts.js').Run} run
 * @returns {Promise<{ bare: { name: string, read?: number, write?: number }[], express: { name: string, atOnce: number, perSecond: number }[] }>}
 *   bare: microseconds a call. express: requests a second. Rejects if redis-server is not installed.
 */
export async function measureSessions({ say }) {
  if (spawnSync('redis-server', ['--version']).status !== 0) throw new Error('redis-server is not installed');
  const port = await freePort();
  const redis = spawn('redis-server', ['--port', String(port), '--save', '', '--bind', '127.0.0.1'], {
    stdio: 'ignore',
  });
  try {
    await delay(500);
    const results = {};
    for (const name of ['bare', 'express']) {
      say(`sessions, ${name}`);
      results[name] = await rowsOf(fileURLToPath(new URL(`${name}.js`, import.meta.url)), port);
    }
    if (!process.getBuiltinModule?.('node:sqlite')) results.bare.push(...(await sqliteRows(port, say)));
    return results;
  } finally {
    redis.kill();
  }
}

/** Measures LocalStore in sqlite on the newest Node.js that `npm test` has installed, because this Node.js has no node:sqlite. */
async function sqliteRows(port, say) {
  const newest = nodeBinaries().at(-1);
  if (!newest) return [];
  say(`sessions, bare, Node ${newest.major}`);
  const rows = await rowsOf(fileURLToPath(new URL('bare.js', import.meta.url)), port, newest.path);
  return rows
    .filter(({ name }) => name.includes('sqlite'))
    .map((row) => ({ ...row, name: `${row.name} (Node ${newest.major})` }));
}

function nodeBinaries() {
  return [22, 24]
    .map((major) => {
      const file = `${process.platform}-${process.arch}-${major}/bin/node`;
      return {
        major,
        path: fileURLToPath(new URL(`../../test/nodes/node_modules/${file}`, import.meta.url)),
      };
    })
    .filter(({ path }) => existsSync(path));
}

/** Runs a script of this folder. The script prints its rows, and sends them to its parent. */
async function rowsOf(script, port, execPath = process.execPath) {
  const child = fork(script, [String(port)], { execPath, execArgv: [] });
  const ended = once(child, 'exit');
  const [rows] = await Promise.race([once(child, 'message'), ended.then(() => [undefined])]);
  if (child.connected) child.disconnect();
  await ended;
  if (!Array.isArray(rows)) throw new Error(`${script} exited before it sent its rows`);
  return rows;
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}
