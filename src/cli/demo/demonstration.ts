import { get } from 'node:http';
import { fileURLToPath } from 'node:url';
import { Router } from '../../cluster/primary/router.js';

/** An answer of demo-app. */
export interface Visit {
  readonly slot: number;
  readonly pid: number;
  /** How many visits of the client the worker remembers. */
  readonly visits: number;
}

export interface DemoSummary {
  readonly clients: number;
  readonly workers: number;
  /** Clients that were ever answered by another slot than at first. */
  readonly moved: number;
  /** Clients of the killed worker, all back in its slot. */
  readonly cameBack: number;
  /** Requests that were not answered. */
  readonly refused: number;
}

const workers = 4;
const clients = 48;
/** Only Linux has all of 127.0.0.0/8 from the start; elsewhere a header tells the clients apart. */
const byAddress = process.platform === 'linux';

/** The demonstration: `say` is told each step. Rejects with a LimpetError when the workers do not start. */
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
    await router.close('the demonstration ends');
  }
}

async function play(router: Router, say: (line: string) => void): Promise<DemoSummary> {
  const [{ port } = { port: 0 }] = router.addresses() as { port: number }[];
  say(`One port, 127.0.0.1:${port}, and ${workers} worker processes, by ${router.status().handoff?.name}.`);
  let refused = 0;
  const crowd = async () => {
    const visits = await Promise.all(Array.from({ length: clients }, (_, index) => visit(port, index)));
    refused += visits.filter((each) => each === undefined).length;
    return visits;
  };

  const first = await crowd();
  say(`${clients} clients come, each from an address of its own:`);
  for (const { slot, pid } of router.status().slots) {
    const here = first.filter((each) => each?.slot === slot).length;
    say(`  slot ${slot}  process ${pid}  ${'●'.repeat(here)} ${here}`);
  }

  await crowd();
  const third = await crowd();
  const remembered = third.filter((each) => each?.visits === 3).length;
  say(
    `They come twice more: ${remembered} of ${clients} are remembered by a worker that counted all three visits.`,
  );

  const victim = router.status().slots[1];
  if (victim?.pid === undefined) throw new Error('nobody is in slot 1');
  process.kill(victim.pid, 'SIGKILL');
  say(`Process ${victim.pid}, in slot 1, is killed. At once all come again:`);
  const last = await crowd();
  const own = first.flatMap(({ slot } = { slot: -1 } as Visit, index) => (slot === 1 ? [index] : []));
  const cameBack = own.filter((index) => last[index]?.slot === 1).length;
  const untouched = last.filter((each) => each?.visits === 4).length;
  const successor = last[own[0] ?? 0]?.pid;
  say(
    `  ${cameBack} of its ${own.length} clients waited a moment and are in slot 1 again, with process ${successor};`,
  );
  say(`  the other ${untouched} noticed nothing.`);

  const moved = first.filter((each, index) =>
    [third, last].some((later) => later[index]?.slot !== each?.slot),
  ).length;
  return { clients, workers, moved, cameBack, refused };
}

/** Undefined when the request was not answered. */
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
