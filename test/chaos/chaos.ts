import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { addresses } from '../processes/clients.ts';
import { childrenOf, descriptorsOf, residentBytesOf } from '../processes/descriptors.ts';
import { seeded } from '../processes/seeded.ts';
import { Crowd } from './clients.ts';
import { type Judgement, judge, servedIn } from './ledger.ts';
import { Router, ringOf } from './router.ts';
import { type Size, Timeline } from './timeline.ts';

export interface Run {
  /** Decides who comes from where, what is done to whom, and how long between; not the machine's timing. */
  readonly seed: number;
  readonly handoff: string;
  readonly adapter: string;
  readonly durationMs: number;
  /** Mean pause between two blows. */
  readonly blowEveryMs: number;
  /** Clients of each of three kinds at a time. */
  readonly lanes: number;
}

export interface Outcome extends Judgement {
  /** How often each was done. */
  readonly blows: Readonly<Record<string, number>>;
  /** Connections that the page counts as lost: open, or in doubt, in a process that was killed. Not counted on ipc. */
  readonly lost: number;
  readonly memoryGrownBytes: number;
}

const slots = 3;
const slotsMost = 5;
/** What the primary's heap may have left unreturned; in ten minutes a leak of a kilobyte for each connection is more. */
const memoryGrowthBytes = 24 << 20;

/**
 * Lets clients of all kinds come while processes are killed and stopped, reloads, upgrades and changes of scale are asked
 * for, and new processes die at their start; then compares what clients and workers wrote down, and what the router is left with.
 */
export async function chaos(run: Run): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-chaos-'));
  const scene = new Scene(run, folder);
  try {
    return await scene.play();
  } finally {
    await scene.end();
    rmSync(folder, { recursive: true });
  }
}

class Scene {
  readonly #run: Run;
  readonly #random: () => number;
  readonly #router: Router;
  readonly #sizes: Size[] = [];
  readonly #blows: Record<string, number> = {};
  readonly #underWay: Promise<unknown>[] = [];
  readonly #stopped: Set<number> = new Set();
  #size: Size = { slots, from: 0, to: Number.POSITIVE_INFINITY };
  #scaling: Promise<void> = Promise.resolve();

  constructor(run: Run, folder: string) {
    this.#run = run;
    this.#random = seeded(run.seed);
    this.#router = new Router(run.adapter, folder, {
      workers: slots,
      handoff: run.handoff,
      respawnGraceMs: 300,
      drainTimeoutMs: 2500,
      stallTimeoutMs: 1000,
    });
  }

  async play(): Promise<Outcome> {
    const { seed, handoff, durationMs, lanes } = this.#run;
    const port = await this.#router.port();
    // What more slots, and a successor, need once is made before it is counted.
    await this.#router.ask('upgrade');
    await this.#scale(slotsMost);
    const before = await this.#atRest();

    const crowd = new Crowd({
      port,
      addresses: addresses(3000),
      random: seeded(seed + 1),
      lanes,
      pauseMs: 20,
    });
    this.#upgrade();
    const begun = Date.now();
    for (const until = begun + durationMs; Date.now() < until; ) {
      await pause(this.#run.blowEveryMs * 2 * this.#random());
      // A primary that is replaced all the time could not be seen to leak.
      this.#blow(Date.now() < begun + durationMs / 3);
    }
    await Promise.all(this.#underWay);
    await crowd.stop();
    // A reload fills at once what waits to be tried again.
    await this.#router.ask('reload');
    await this.#scale(slotsMost);
    const lost = await this.#router.lost();

    const after = await this.#atRest();
    const { code } = await this.#router.stop();
    const timeline = new Timeline(
      this.#router.events(),
      [...this.#sizes, this.#size],
      ringOf,
      this.#router.handovers(),
    );
    const judgement = judge(crowd.visits, servedIn(this.#router.ledger), timeline);
    const violations = [...judgement.violations];
    if (handoff !== 'ipc' && judgement.lostNew + judgement.cut > lost)
      violations.push(`${judgement.lostNew + judgement.cut} connections were cut, ${lost} counted as lost`);
    for (const [what, most] of Object.entries(before.counts)) {
      const now = after.counts[what] as number;
      if (now > most) violations.push(`${what}: ${most} before, ${now} after`);
    }
    const memoryGrownBytes = after.memory - before.memory;
    if (memoryGrownBytes > memoryGrowthBytes)
      violations.push(`the primary has ${memoryGrownBytes} bytes more in memory than before`);
    if (code !== 0) violations.push(`the router ended with code ${code}`);
    const primaries = this.#router.primaries();
    const closed = this.#router.app.told.filter(({ event }) => event === 'closed').map(({ pid }) => pid);
    // One may drain for longer than the next one serves.
    const open = primaries.filter((pid) => !closed.includes(pid));
    if (open.length > 0) violations.push(`primaries ${open} served and never closed`);
    for (const pid of primaries) if (this.#router.primaryRuns(pid)) violations.push(`primary ${pid} is left`);
    for (const { pid } of this.#router.events())
      if (this.#router.runs(pid, 'chaos/worker.js')) violations.push(`process ${pid} is left`);
    if (!(await isFree(port))) violations.push('the port is not free');
    return {
      ...judgement,
      violations,
      blows: this.#blows,
      lost,
      memoryGrownBytes,
    };
  }

  /** Ends what still runs. */
  async end(): Promise<void> {
    for (const pid of this.#stopped) signal(pid, 'SIGCONT');
    await this.#router.stop();
  }

  #blow(early: boolean): void {
    const [which, whom, how] = [this.#random(), this.#random(), this.#random()];
    const seated = this.#router.seatedIn(Math.floor(whom * slotsMost));
    if (which < 0.35) this.#kill(seated);
    else if (which < 0.4) this.#killAny(whom);
    else if (which < 0.6) this.#stop(seated, 100 + 1900 * how);
    else if (which < 0.75 && early && how < 0.7) this.#upgrade();
    else if (which < 0.75) this.#reload(how < 0.5 ? 1 : 2);
    else if (which < 0.9) this.#later('scale', this.#scale(2 + Math.floor(how * (slotsMost - 1))));
    else this.#later('crash on start', this.#breakStart(300 + 1200 * how));
  }

  #kill(pid: number | undefined): void {
    if (pid !== undefined && signal(pid, 'SIGKILL')) this.#count('SIGKILL');
  }

  /** Also one that starts or drains. */
  #killAny(whom: number): void {
    const children = childrenOf(this.#router.primary).filter(isWorker);
    this.#kill(children[Math.floor(whom * children.length)]);
  }

  #stop(pid: number | undefined, ms: number): void {
    if (pid === undefined || this.#stopped.has(pid) || !signal(pid, 'SIGSTOP')) return;
    this.#stopped.add(pid);
    const goOn = async () => {
      await pause(ms);
      signal(pid, 'SIGCONT');
      this.#stopped.delete(pid);
    };
    this.#later('SIGSTOP', goOn());
  }

  #reload(parallel: number): void {
    this.#later('reload', this.#router.ask('reload', { parallel }));
  }

  #upgrade(): void {
    this.#later('upgrade', this.#router.ask('upgrade'));
  }

  async #breakStart(ms: number): Promise<void> {
    writeFileSync(this.#router.broken, '');
    await pause(ms);
    rmSync(this.#router.broken, { force: true });
  }

  /** One change of scale after the other, so that it is known what number of slots there may be. */
  #scale(to: number): Promise<void> {
    this.#scaling = this.#scaling.then(async () => {
      const from = Date.now();
      const during = { slots: to, from, to: Number.POSITIVE_INFINITY };
      this.#sizes.push(during);
      const failed = await this.#router.ask('scale', { workers: to }).then(
        () => false,
        () => true,
      );
      during.to = Date.now();
      if (failed) return;
      this.#sizes.push({ ...this.#size, to: during.to });
      this.#size = { slots: to, from, to: Number.POSITIVE_INFINITY };
    });
    return this.#scaling;
  }

  #later(name: string, work: Promise<unknown>): void {
    this.#count(name);
    this.#underWay.push(work.catch(() => {}));
  }

  #count(name: string): void {
    this.#blows[name] = (this.#blows[name] ?? 0) + 1;
  }

  /** What the router holds when nobody comes and nothing happens. */
  async #atRest(): Promise<{ counts: Record<string, number>; memory: number }> {
    await this.#scale(slots);
    await this.#router.settled(slots);
    await pause(500);
    const children = childrenOf(this.#router.primary);
    return {
      counts: {
        processes: children.length,
        'descriptors of the primary': descriptorsOf(this.#router.primary),
        'descriptors of a worker': Math.max(...children.map(descriptorsOf)),
      },
      memory: residentBytesOf(this.#router.primary),
    };
  }
}

/** Not the primary that is about to take over. */
function isWorker(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('chaos/worker.js');
  } catch {
    return false;
  }
}

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  const free = await once(server, 'listening').then(
    () => true,
    () => false,
  );
  server.close();
  return free;
}
