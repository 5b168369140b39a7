import { execFileSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { type App, startApp } from '../processes/app.js';
import { addresses, ask, inParallel } from '../processes/clients.js';
import { childrenOf, descriptorsOf } from '../processes/descriptors.js';
import { RawConnection } from '../processes/raw.js';

let app: App | undefined;
const open: RawConnection[] = [];
afterEach(async () => {
  for (const { socket } of open.splice(0)) socket.destroy();
  await app?.stop();
  app = undefined;
});

/** More connections than any of the processes has room for. */
const crowd = 300;
const room = 90;

/** Limits a process to `room` more descriptors than it has. */
function limit(pid: number): void {
  const most = descriptorsOf(pid) + room;
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${most}:${most}`]);
}

/** Resolves when the process takes no more descriptors: their number has not changed for 200 ms. */
async function full(pid: number): Promise<void> {
  for (let before = -1, same = 0; same < 10; await pause(20)) {
    const now = descriptorsOf(pid);
    same = now === before && now > room / 2 ? same + 1 : 0;
    before = now;
  }
}

describe.each([
  ['kernel', 'a worker'],
  ['fd', 'a worker'],
  ['fd', 'the primary'],
  ['ipc', 'a worker'],
  ['ipc', 'the primary'],
])('%s, %s without descriptors', (handoff, short) => {
  it('clients wait or are refused, and later clients are all served', async () => {
    app = startApp('apps/routers/router.cjs', {
      env: { LIMPET_TEST_OPTIONS: JSON.stringify({ workers: 1, handoff, respawnGraceMs: 30_000 }) },
    });
    const { addresses: bound } = (await app.hears('started')) as unknown as {
      addresses: { port: number }[];
    };
    await app.hears('ready');
    const port = (bound[0] as { port: number }).port;
    await ask(port, '127.0.0.1');
    const worker = childrenOf(app.pid)[0] as number;
    const pid = short === 'the primary' ? app.pid : worker;
    limit(pid);
    // A worker with many free descriptors recounts them only now and then.
    if (handoff === 'fd' && pid === worker) await inParallel(addresses(300), 8, (from) => ask(port, from));
    // While the worker takes none, connections stay in the primary.
    if (pid === app.pid) process.kill(worker, 'SIGSTOP');

    const clients = addresses(crowd).map((from) => new RawConnection(port, from));
    open.push(...clients);
    const served = clients.map(async (client) => {
      await client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n').catch(() => {});
      return client.until(/HTTP\/1.1 200/).then(
        () => true,
        () => false,
      );
    });
    await full(pid);
    if (pid === app.pid) process.kill(worker, 'SIGCONT');
    // A served client closes, which makes room for the next.
    const answers = await Promise.all(
      served.map(async (answer, i) => {
        const ok = await answer;
        clients[i]?.socket.destroy();
        return ok;
      }),
    );
    // Without a free descriptor, Node's accept closes the connection. limpet's acceptor leaves it in the kernel's queue.
    const refuses = handoff === 'ipc' && short === 'the primary';
    if (refuses) expect(answers.filter(Boolean).length).toBeGreaterThan(room / 4);
    else expect(answers.filter((ok) => !ok)).toEqual([]);
    const later = await inParallel(addresses(40), 4, (from) => ask(port, from));
    expect(later.map(({ status }) => status)).toEqual(later.map(() => 200));
    app.say('status');
    const { result } = (await app.hears('status')) as unknown as {
      result: { slots: { restarts: number }[] };
    };
    expect(result.slots.map(({ restarts }) => restarts)).toEqual([0]);
  });
});
