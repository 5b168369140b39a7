import { setTimeout as delay } from 'node:timers/promises';
import { holdable } from '../connections/descriptors.js';
import { load } from '../connections/load.js';
import { measure } from '../connections/measure.js';
import { RunningSubject } from '../connections/subject.js';
import { subjects } from '../connections/subjects/index.js';
import { workloads } from '../connections/workloads.js';
import { lineThrough } from './model.js';

/**
 * Measures how the costs of limpet grow with slots, with distinct clients, and with open connections. Each series is one round of growing
 * sizes. `model` has the lines that are fitted to the series.
 */

const handoffs = ['limpet-kernel', 'limpet-fd'];
/** The series over slots uses uWS workers. 256 Node workers would still be compiling when the measurement ends. */
const overSlotsWith = (name) => `${name}-uws`;
const sizes = {
  full: {
    slots: [2, 4, 8, 16, 32, 64, 128, 256],
    clients: [1e3, 1e4, 1e5, 1e6],
    held: [1e3, 3e3, 1e4, 3e4, 1e5],
  },
  quick: { slots: [2, 8], clients: [1e3, 2e4], held: [1e3, 5e3] },
};

/** @param {import('../parts.js').Run} run */
export async function measureScale({ quick, workers, say }) {
  const { slots, clients, held } = quick ? sizes.quick : sizes.full;
  const results = {};
  for (const name of handoffs) {
    const find = (wanted) => subjects(workers).find((one) => one.name === wanted);
    const subject = find(name);
    const series = {
      slots: await overSlots(find(overSlotsWith(name)), slots, quick, say),
      clients: await overClients(subject, clients, workers, say),
      held: await overHeld(
        subject,
        held.filter((count) => count <= holdable(1)),
        workers,
        say,
      ),
    };
    const perConnection = series.slots.map(({ slots: x, cpu }) => [x, (cpu * 1e6) / 10_000]);
    const perHeld = series.held.map(({ connections, memory }) => [connections, memory * 1024]);
    results[name] = {
      title: subject.title,
      ...series,
      model: {
        /** CPU time of a connection in microseconds: `at0`, and the growth for each slot. */
        cpu: lineThrough(perConnection),
        /** Memory of all processes in KiB: `at0`, and the growth for each held connection. */
        held: lineThrough(perHeld),
      },
    };
  }
  return results;
}

async function overSlots(subject, slots, quick, say) {
  const rows = [];
  for (const count of slots) {
    const one = await measure(subject, workloads.short, { workers: count, scale: quick ? 0.1 : 1, round: 0 });
    rows.push({
      slots: count,
      perSecond: one.perSecond,
      routerCpu: one.routerCpu,
      cpu: one.cpu,
      routerMemory: one.routerMemory,
      p99: one.p99,
      moved: one.moved,
    });
    say(
      `${subject.title}, ${count} slots: ${Math.round(one.perSecond)}/s, ${one.cpu.toFixed(3)} s, ${one.moved} moved`,
    );
  }
  return rows;
}

async function overClients(subject, counts, workers, say) {
  const running = await start(subject, workers);
  try {
    await load(running.port, { operations: 20_000 });
    const rows = [];
    for (const clients of counts) {
      const before = { cpu: running.cpu(), memory: running.memory() };
      const { answered, failed, moved } = await load(running.port, {
        operations: clients,
        clients,
        addresses: clients,
      });
      await delay(150);
      const cpu = running.cpu();
      const routerMemory = running.memory().router;
      rows.push({
        clients,
        answered,
        failed,
        moved,
        cpu: ((cpu.router + cpu.workers - before.cpu.router - before.cpu.workers) * 10_000) / answered,
        routerMemory,
        routerGrowth: routerMemory - before.memory.router,
      });
      say(
        `${subject.title}, ${clients} clients: ${rows.at(-1).cpu.toFixed(3)} s, router ${routerMemory.toFixed(1)} MiB`,
      );
    }
    return rows;
  } finally {
    await running.stop();
  }
}

async function overHeld(subject, counts, workers, say) {
  const rows = [];
  for (const connections of counts) {
    const running = await start(subject, workers);
    try {
      const empty = running.memory();
      let full = empty;
      const { failed } = await load(
        running.port,
        { operations: connections, clients: 65_536, addresses: 65_536, hold: true },
        () => {
          full = running.memory();
        },
      );
      const memory = full.router + full.workers - empty.router - empty.workers;
      rows.push({ connections, failed, memory, routerGrowth: full.router - empty.router });
      say(`${subject.title}, ${connections} held: ${memory.toFixed(1)} MiB more, ${failed} failed`);
    } finally {
      await running.stop();
    }
  }
  return rows;
}

function start(subject, workers) {
  return RunningSubject.start({ command: subject.command, env: subject.env, workers });
}
