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
  /** Decides the clients' addresses, the blows, their targets and the pauses. It does not decide the timing of the machine. */
  readonly seed: number;
  readonly handoff: string;
  readonly adapter: string;
  readonly durationMs: number;
  /** The mean pause between two blows. */
  readonly blowEveryMs: number;
  /** Clients of each of the three kinds at a time. */
  readonly clientsOfEachKind: number;
}

export interface Outcome extends Judgement {
  /** The number of blows of each kind. */
  readonly blows: Readonly<Record<string, number>>;
  /** The `lost` of the router's status: connections that were open, or perhaps open, in killed processes. Not counted on ipc. */
  readonly lost: number;
  readonly memoryGrownBytes: number;
}

const slots = 3;
const slotsMax = 5;
/** The primary's heap may grow by this much without a leak. A leak of 1 kB for each connection is more in ten minutes. */
const memoryGrowthBytes = 24 << 20;

/**
 * Runs clients of all kinds against a router and strikes blows meanwhile. Processes are killed and stopped. Reloads, upgrades and
 * changes of scale are asked for. New processes die at their start. Then it compares what clients and workers wrote down, and checks
 * that no process, descriptor or memory is left over.
 */
export async function chaos(run: Run): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-chaos-'));
  const chaosRun = new ChaosRun(run, folder);
  try {
    return await chaosRun.run();
  } finally {
    await chaosRun.end();
    rmSync(folder, { recursive: true });
  }
}

class ChaosRun {
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

  async run(): Promise<Outcome> {
    const { seed, handoff, durationMs, clientsOfEachKind } = this.#run;
    const port = await this.#router.port();
    // Further slots and an upgrade use some memory and descriptors once. That happens before they are counted.
    await this.#router.ask('upgrade');
    await this.#scale(slotsMax);
    const before = await this.#atRest();

    const crowd = new Crowd({
      port,
      addresses: addresses(3000),
      random: seeded(seed + 1),
      clientsOfEachKind,
      pauseMs: 20,
    });
    this.#upgrade();
    const begun = Date.now();
    for (const until = begun + durationMs; Date.now() < until; ) {
      await pause(this.#run.blowEveryMs * 2 * this.#random());
      // The last primary must live for two thirds of the time. Otherwise a leak would not show.
      this.#strike(Date.now() < begun + durationMs / 3);
    }
    await Promise.all(this.#underWay);
    await crowd.stop();
    // A reload forks at once for slots that wait in a backoff.
    await this.#router.ask('reload');
    await this.#scale(slotsMax);
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
      violations.push(
        `${judgement.lostNew + judgement.cut} connections were cut, but only ${lost} are counted as lost`,
      );
    for (const [what, most] of Object.entries(before.counts)) {
      const now = after.counts[what] as number;
      if (now > most) violations.push(`${what}: ${most} before, ${now} after`);
    }
    const memoryGrownBytes = after.memory - before.memory;
    if (memoryGrownBytes > memoryGrowthBytes)
      violations.push(`the primary uses ${memoryGrownBytes} bytes of memory more than before`);
    if (code !== 0) violations.push(`the router ended with code ${code}`);
    const primaries = this.#router.primaries();
    const closed = this.#router.app.told.filter(({ event }) => event === 'closed').map(({ pid }) => pid);
    // An old primary may drain for longer than the next one serves, so both lists are compared at the end.
    const open = primaries.filter((pid) => !closed.includes(pid));
    if (open.length > 0) violations.push(`primaries ${open} served and were never closed`);
    for (const pid of primaries)
      if (this.#router.primaryRuns(pid)) violations.push(`primary ${pid} still runs`);
    for (const { pid } of this.#router.events())
      if (this.#router.runs(pid, 'chaos/worker.js')) violations.push(`worker ${pid} still runs`);
    if (!(await isFree(port))) violations.push('the port is not free');
    return {
      ...judgement,
      violations,
      blows: this.#blows,
      lost,
      memoryGrownBytes,
    };
  }

  /** Ends all processes that still run. */
  async end(): Promise<void> {
    for (const pid of this.#stopped) signal(pid, 'SIGCONT');
    await this.#router.stop();
  }

  #strike(early: boolean): void {
    const [which, whom, how] = [this.#random(), this.#random(), this.#random()];
    const serving = this.#router.pidServing(Math.floor(whom * slotsMax));
    if (which < 0.35) this.#kill(serving);
    else if (which < 0.4) this.#killAny(whom);
    else if (which < 0.6) this.#stop(serving, 100 + 1900 * how);
    else if (which < 0.75 && early && how < 0.7) this.#upgrade();
    else if (which < 0.75) this.#reload(how < 0.5 ? 1 : 2);
    else if (which < 0.9) this.#track('scale', this.#scale(2 + Math.floor(how * (slotsMax - 1))));
    else this.#track('crash on start', this.#breakStart(300 + 1200 * how));
  }

  #kill(pid: number | undefined): void {
    if (pid !== undefined && signal(pid, 'SIGKILL')) this.#count('SIGKILL');
  }

  /** Kills any worker, also one that starts or drains. */
  #killAny(whom: number): void {
    const children = childrenOf(this.#router.primary).filter(isWorker);
    this.#kill(children[Math.floor(whom * children.length)]);
  }

  #stop(pid: number | undefined, ms: number): void {
    if (pid === undefined || this.#stopped.has(pid) || !signal(pid, 'SIGSTOP')) return;
    this.#stopped.add(pid);
    const resume = async () => {
      await pause(ms);
      signal(pid, 'SIGCONT');
      this.#stopped.delete(pid);
    };
    this.#track('SIGSTOP', resume());
  }

  #reload(parallel: number): void {
    this.#track('reload', this.#router.ask('reload', { parallel }));
  }

  #upgrade(): void {
    this.#track('upgrade', this.#router.ask('upgrade'));
  }

  async #breakStart(ms: number): Promise<void> {
    writeFileSync(this.#router.broken, '');
    await pause(ms);
    rmSync(this.#router.broken, { force: true });
  }

  /** Changes of scale run one after the other, so that the possible numbers of slots are known at each time. */
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

  #track(name: string, work: Promise<unknown>): void {
    this.#count(name);
    this.#underWay.push(work.catch(() => {}));
  }

  #count(name: string): void {
    this.#blows[name] = (this.#blows[name] ?? 0) + 1;
  }

  /** Counts what the router holds when no client is connected and no blow is under way. */
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

/** False for a new primary that an upgrade has started. */
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
