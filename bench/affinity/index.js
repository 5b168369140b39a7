import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { load } from '../connections/load.js';
import { RunningSubject } from '../connections/subject.js';
import { subjects } from '../connections/subjects/index.js';
import { median } from '../rounds.js';
import { ask, KeptAlive } from './kept-alive.js';

/** Measures the worst cases of reading request heads: requests on the connection of another worker, and clients that send nothing. */

const width = 32;
const silentConnections = 10_000;
/** The load of other clients at the same time: short connections with a cookie, per second. */
const othersPerSecond = 1000;
const settleMs = 300;

/** The less an app does, the larger is the relative cost of forwarding a request. */
const apps = ['express', 'http'];

/**
 * @param {import('../parts.js').Run} run
 * @returns {Promise<{ rehomed: Record<string, object>, silent: object }>} medians over the rounds, and the rounds. `rehomed` has the
 *   cost of forwarded requests by app
 */
export async function measureAffinity({ rounds, scale, say }) {
  const passed = Object.fromEntries(apps.map((app) => [app, []]));
  const waited = [];
  for (let round = 1; round <= rounds; round++) {
    for (const app of apps) {
      const one = await forwarded(app, Math.max(2000, Math.round(30_000 * scale)));
      passed[app].push(one);
      say(
        `  ${round}/${rounds} ${app}: direct ${one.directUs.toFixed(1)} us of CPU a request, forwarded ${one.rehomedUs.toFixed(1)}`,
      );
    }
    const one = await silent(Math.max(2000, Math.round(10_000 * scale)));
    waited.push(one);
    say(
      `  ${round}/${rounds} ${silentConnections} silent connections: ${one.routerMiB.toFixed(1)} MiB, p99 of others ` +
        `${(one.p99Before / 1000).toFixed(2)} ms before, ${(one.p99Among / 1000).toFixed(2)} ms during`,
    );
  }
  return {
    rehomed: Object.fromEntries(apps.map((app) => [app, withMedians(passed[app])])),
    silent: { connections: silentConnections, othersPerSecond, ...withMedians(waited) },
  };
}

function withMedians(rounds) {
  const names = Object.keys(rounds[0]);
  return {
    rounds,
    median: Object.fromEntries(names.map((name) => [name, median(rounds.map((round) => round[name]))])),
  };
}

async function started(app, options) {
  const subject = subjects(2).find(({ name }) => name === 'limpet-cookie');
  const asked = { ...JSON.parse(subject.env.BENCH_OPTIONS), ...options };
  const env = { ...subject.env, BENCH_APP: app, BENCH_OPTIONS: JSON.stringify(asked) };
  return RunningSubject.start({ command: subject.command, env, workers: 2 });
}

/**
 * Sends the same requests on connections of one worker: first with the cookie of that worker, then with the cookie of another worker,
 * which has to answer them.
 * @returns {Promise<{ directUs: number, rehomedUs: number, ratio: number }>} CPU of router and workers, in microseconds a request
 */
async function forwarded(app, requests) {
  const running = await started(app);
  try {
    const [[here, own], [there, other]] = await cookies(running);
    const clients = await KeptAlive.open(running.port, width, own);
    const cost = async (cookie, expected) => {
      await clients.ask(requests / 2, cookie);
      const before = running.cpu();
      const answered = await clients.ask(requests, cookie);
      const after = running.cpu();
      if (answered.size !== 1 || !answered.has(expected))
        throw new Error(`process ${[...answered]} answered, expected process ${expected}`);
      return ((after.router - before.router + after.workers - before.workers) * 1e6) / requests;
    };
    const directUs = await cost(own, here);
    const rehomedUs = await cost(other, there);
    clients.close();
    return { directUs, rehomedUs, ratio: rehomedUs / directUs };
  } finally {
    await running.stop();
  }
}

/** Gets a cookie from each worker: [process id, cookie]. */
async function cookies({ port, workers }) {
  const found = new Map();
  for (let i = 1; found.size < workers.length; i++) {
    const socket = connect({ port, host: '127.0.0.1', localAddress: `127.3.0.${i}` });
    await once(socket, 'connect');
    const { body, cookie } = await ask(socket);
    socket.destroy();
    found.set(body, cookie);
  }
  return [...found];
}

/**
 * Opens connections that send nothing, from enough addresses for the limit for each address, while other clients are served.
 * @returns {Promise<{ routerMiB: number, p99Before: number, p99Among: number, ratio: number, failed: number }>} growth of the primary's memory, and
 *   latencies in microseconds
 */
async function silent(operations) {
  const running = await started('http', { headTimeoutMs: 120_000, pendingMax: silentConnections + 2000 });
  const sockets = [];
  try {
    const others = { clients: 500, addresses: 500, remember: 'cookie' };
    const options = { ...others, operations, rate: othersPerSecond, width: 4096 };
    await load(running.port, { ...others, operations: 20_000, width: 64 });
    const before = await load(running.port, options);
    const memoryBefore = running.memory().router;
    for (let i = 0; i < silentConnections; i++) {
      const localAddress = `127.4.${i & 63}.${1 + ((i >> 6) & 127)}`;
      const socket = connect({ port: running.port, host: '127.0.0.1', localAddress });
      sockets.push(socket);
      await once(socket, 'connect');
    }
    await delay(settleMs);
    const routerMiB = running.memory().router - memoryBefore;
    const among = await load(running.port, options);
    const gone = sockets.filter(({ destroyed }) => destroyed).length;
    if (gone > 0) throw new Error(`${gone} silent connections were closed, expected none`);
    const [p99Before, p99Among] = [before.latencyUs.p99, among.latencyUs.p99];
    return {
      routerMiB,
      p99Before,
      p99Among,
      ratio: p99Among / p99Before,
      failed: before.failed + among.failed,
    };
  } finally {
    for (const socket of sockets) socket.destroy();
    await running.stop();
  }
}
