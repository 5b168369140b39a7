import { get } from 'node:http';
import { fileURLToPath } from 'node:url';
import { Router } from '../../cluster/primary/router.js';

/** A response of demo-app. */
export interface Visit {
  readonly slot: number;
  readonly pid: number;
  /** How many visits of this client the worker has counted. */
  readonly visits: number;
}

export interface DemoSummary {
  readonly clients: number;
  readonly workers: number;
  /** Clients that another slot served than at first. */
  readonly moved: number;
  /** Clients of the killed worker that are back in its slot. */
  readonly cameBack: number;
  /** Requests that were not answered. */
  readonly refused: number;
}

const workers = 4;
const clients = 48;
/** Only Linux can connect from any address in 127.0.0.0/8. On other systems, a header identifies the clients. */
const byAddress = process.platform === 'linux';

/** Runs the demonstration. `say` gets a line for each step. Rejects with a LimpetError if the workers do not start. */
export async function demonstrate(say: (line: string) => void): Promise<DemoSummary> {
  const router = new Router({
    exec: fileURLToPath(new URL('demo-app.js', import.meta.url)),
    args: [],
    execArgv: ['--import', new URL('../../preload.js', import.meta.url).href],
    env: { LIMPET_APP: '{}' },
    workers,
    affinity: byAddress ? 'address' : { header: 'x-client' },
    respawnGraceMs: 15_000,
    drainTimeoutMs: 1000,
  });
  const allReady = new Promise<void>((resolve) => {
    let ready = 0;
    router.on('ready', () => {
      ready += 1;
      if (ready === workers) resolve();
    });
  });
  try {
    await router.start();
    await allReady;
    return await play(router, say);
  } finally {
    await router.close('the demonstration has ended');
  }
}

async function play(router: Router, say: (line: string) => void): Promise<DemoSummary> {
  const [{ port } = { port: 0 }] = router.addresses() as { port: number }[];
  say(
    `One port, 127.0.0.1:${port}, and ${workers} worker processes. Handoff: ${router.status().handoff?.name}.`,
  );
  let refused = 0;
  const visitAll = async () => {
    const visits = await Promise.all(Array.from({ length: clients }, (_, index) => visit(port, index)));
    refused += visits.filter((each) => each === undefined).length;
    return visits;
  };

  const first = await visitAll();
  say(`${clients} clients connect, each from its own address:`);
  for (const { slot, pid } of router.status().slots) {
    const here = first.filter((each) => each?.slot === slot).length;
    say(`  slot ${slot}  process ${pid}  ${'●'.repeat(here)} ${here}`);
  }

  await visitAll();
  const third = await visitAll();
  const remembered = third.filter((each) => each?.visits === 3).length;
  say(`They connect twice more. ${remembered} of ${clients} clients reach the same worker all three times.`);

  const victim = router.status().slots[1];
  if (victim?.pid === undefined) throw new Error('slot 1 has no process, expected a ready worker');
  process.kill(victim.pid, 'SIGKILL');
  say(`Worker ${victim.pid} in slot 1 is killed. All clients connect again at once:`);
  const last = await visitAll();
  const own = first.flatMap(({ slot } = { slot: -1 } as Visit, index) => (slot === 1 ? [index] : []));
  const cameBack = own.filter((index) => last[index]?.slot === 1).length;
  const untouched = last.filter((each) => each?.visits === 4).length;
  const replacement = last[own[0] ?? 0]?.pid;
  say(
    `  ${cameBack} of its ${own.length} clients waited for a moment. Slot 1 serves them again, with the new worker ${replacement}.`,
  );
  say(`  The other ${untouched} clients were not affected.`);

  const moved = first.filter((each, index) =>
    [third, last].some((later) => later[index]?.slot !== each?.slot),
  ).length;
  return { clients, workers, moved, cameBack, refused };
}

/** Sends one request. Resolves with undefined if it is not answered. */
function visit(port: number, index: number): Promise<Visit | undefined> {
  const localAddress = byAddress ? `127.0.1.${index + 1}` : '127.0.0.1';
  const headers = { 'x-client': `client-${index}` };
  return new Promise((resolve) => {
    const failed = () => resolve(undefined);
    get({ port, host: '127.0.0.1', localAddress, headers, agent: false, timeout: 15_000 }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      answer.on('end', () => resolve(JSON.parse(body) as Visit)).on('error', failed);
    }).on('error', failed);
  });
}
