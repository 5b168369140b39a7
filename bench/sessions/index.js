import { fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/**
 * What a session costs to read and to write, bare and through Express, against a redis-server of its own.
 * @param {import('../parts.js').Run} run
 * @returns {Promise<{ bare: { name: string, read?: number, write?: number }[], express: { name: string, atOnce: number, perSecond: number }[] }>}
 *   microseconds a call, and requests a second. Rejects where there is no redis-server.
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
    return results;
  } finally {
    redis.kill();
  }
}

/** A script of this folder prints its rows, and sends them to a parent. */
async function rowsOf(script, port) {
  const child = fork(script, [String(port)]);
  const ended = once(child, 'exit');
  const [rows] = await Promise.race([once(child, 'message'), ended.then(() => [undefined])]);
  if (child.connected) child.disconnect();
  await ended;
  if (!Array.isArray(rows)) throw new Error(`${script} ended without rows`);
  return rows;
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}
