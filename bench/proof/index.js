import { setTimeout as delay } from 'node:timers/promises';
import { load } from '../connections/load.js';
import { RunningSubject } from '../connections/subject.js';
import { subjects } from '../connections/subjects/index.js';
import { interleave } from '../rounds.js';

/**
 * Measures what clients notice when workers die. Short connections are opened at a constant rate, and one worker after the other is
 * killed with SIGKILL. Only subjects that replace a dead worker take part.
 */

const proven = [
  'limpet-kernel',
  'limpet-fd',
  'limpet-ipc',
  'sticky-session',
  'sticky-cluster',
  'socket.io-sticky',
  'round-robin',
  'sched-none',
];
/** The subjects of --quick. */
const quickly = ['limpet-kernel', 'limpet-fd', 'sticky-session', 'socket.io-sticky'];
const workers = 4;
/** Connections per second. Every client connects five times between two kills. */
const rate = 1000;
const clients = 400;
const killEveryMs = 2000;
/** A client gives up after this. */
const timeoutMs = 3000;

/**
 * @param {import('../parts.js').Run} run
 * @returns {Promise<object>} the settings, and the rounds of each subject
 */
export async function measureProof({ rounds, scale, quick, only, say }) {
  const kills = quick ? 1 : 3;
  const times = Math.max(1, Math.min(rounds, Math.round(3 * scale)));
  const asked = only.filter((name) => proven.includes(name));
  const all = subjects(workers).filter(({ name }) =>
    (asked.length > 0 ? asked : quick ? quickly : proven).includes(name),
  );
  const able = all.filter((subject) => !subject.missing?.());
  const results = {};
  for (const { entry } of interleave(able, times)) {
    const { name, title, group } = entry;
    try {
      const one = await killUnderLoad(entry, kills);
      results[name] = { title, group, rounds: [...(results[name]?.rounds ?? []), one] };
      say(`${title.padEnd(28)} ${line(one)}`);
    } catch (error) {
      results[name] = { title, group, missing: error.message };
    }
  }
  return { workers, rate, clients, kills, killEveryMs, timeoutMs, subjects: results };
}

async function killUnderLoad(subject, kills) {
  const running = await RunningSubject.start({ command: subject.command, env: subject.env, workers });
  try {
    const operations = (rate * killEveryMs * (kills + 1)) / 1000;
    await load(running.port, { operations: 2000, clients });
    const killed = running.workers.slice(0, kills);
    const loading = load(running.port, { operations, clients, rate, width: 8192, 'timeout-ms': timeoutMs });
    for (const pid of killed) {
      await delay(killEveryMs);
      process.kill(pid, 'SIGKILL');
    }
    return outcome(await loading, killed);
  } finally {
    await running.stop();
  }
}

/**
 * @returns {{ answered: number, failed: number, failures: Record<string, number>, othersMoved: number, others: number,
 *   ownScattered: number, own: number, longestMs: number }} `others` counts the clients of workers that survived,
 *   `own` the clients of killed workers. `ownScattered` of the latter ended on another worker than most clients of the same worker
 */
function outcome({ answered, failed, failures, clients: groups, latencyUs }, killed) {
  const own = groups.filter(({ first }) => killed.includes(first));
  const others = groups.filter(({ first }) => !killed.includes(first));
  const sum = (some, member) => some.reduce((total, group) => total + group[member], 0);
  const together = killed.map((pid) =>
    Math.max(0, ...own.filter(({ first }) => first === pid).map((group) => group.clients)),
  );
  return {
    answered,
    failed,
    failures,
    others: sum(others, 'clients'),
    othersMoved: sum(others, 'moved'),
    own: sum(own, 'clients'),
    ownScattered: sum(own, 'clients') - together.reduce((total, most) => total + most, 0),
    longestMs: latencyUs.max / 1000,
  };
}

function line({ answered, failed, othersMoved, others, ownScattered, own, longestMs }) {
  return (
    `${answered} answered, ${failed} failed, ${othersMoved} of ${others} other clients moved, ` +
    `${ownScattered} of ${own} own clients scattered, longest wait ${Math.round(longestMs)} ms`
  );
}
