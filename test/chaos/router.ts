import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RouterStatus } from '../../src/cluster/primary/status.ts';
import type { RouterOptions } from '../../src/options.ts';
import { deriveKey } from '../../src/ring/secret.ts';
import { SlotRing } from '../../src/ring/slot-ring.ts';
import { type App, type Ended, startApp } from '../processes/app.ts';
import { command } from '../processes/control.ts';
import { runs } from '../processes/descriptors.ts';
import { uwsEnvironment } from '../uws/index.ts';
import type { Handover, SlotEvent } from './timeline.ts';

const secret = 'a secret for every chaos';
/** The router's name, by which its control socket is found. */
const name = 'chaos';
const worker = fileURLToPath(new URL('../fixtures/chaos/worker.js', import.meta.url));

/** A router in a process of its own, whose workers keep a ledger. An upgrade replaces the process. */
export class Router {
  readonly app: App;
  /** The folder in which each worker writes what it served, to a file that is named by its pid. */
  readonly ledger: string;
  /** While this file exists, new workers die at their start. */
  readonly broken: string;
  readonly #folder: string;

  constructor(
    adapter: string,
    folder: string,
    options: Omit<RouterOptions, 'handoff'> & { handoff: string },
  ) {
    this.#folder = folder;
    this.ledger = join(folder, 'ledger');
    this.broken = join(folder, 'broken');
    mkdirSync(this.ledger, { recursive: true });
    this.app = startApp('apps/routers/router.cjs', {
      env: {
        ...(adapter === 'uws' ? uwsEnvironment() : {}),
        LIMPET_TEST_OPTIONS: JSON.stringify({ exec: worker, secret, name, ...options }),
        XDG_RUNTIME_DIR: folder,
        LIMPET_TEST_ADAPTER: adapter,
        LIMPET_TEST_LEDGER: this.ledger,
        LIMPET_TEST_BROKEN: this.broken,
      },
    });
  }

  /** Resolves when the first worker serves. */
  async port(): Promise<number> {
    const [bound] = (await this.app.hears('started')).addresses as [{ port: number }];
    return bound.port;
  }

  /** Whether this process of the router still runs. Another program may have its pid by now, so its environment is compared. */
  runs(pid: number, program = ''): boolean {
    const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8');
    try {
      return runs(pid) && read('environ').includes(this.ledger) && read('cmdline').includes(program);
    } catch {
      return false;
    }
  }

  /** Whether this primary of the router still runs. */
  primaryRuns(pid: number): boolean {
    return this.runs(pid, 'apps/routers/router.cjs');
  }

  /** The pids of all primaries, in order. The last one serves. */
  primaries(): number[] {
    const upgraded = this.app.told.filter(({ event }) => event === 'upgraded').map((told) => told.successor);
    return [this.app.pid, ...(upgraded as number[])];
  }

  get primary(): number {
    return this.primaries().at(-1) as number;
  }

  /** Gives the router a command. Rejects with the error of the router. */
  ask(words: string, args: Record<string, unknown> = {}): Promise<unknown> {
    return command(this.#folder, name, words, args);
  }

  async status(): Promise<RouterStatus> {
    return (await this.ask('status')) as RouterStatus;
  }

  /** Connections that were open, or perhaps open, in processes that were killed. Waits until old primaries have closed. */
  async lost(): Promise<number> {
    const old = this.primaries().slice(0, -1);
    const closed = await Promise.all(old.map((pid) => this.app.hears('closed', (told) => told.pid === pid)));
    const { lost } = await this.status();
    return closed.reduce((sum, told) => sum + (told.lost as number), lost);
  }

  /**
   * Ends the router with SIGTERM, and with SIGKILL after 15 s. Resolves when it and all its processes have ended, with the exit of the
   * first primary.
   */
  async stop(): Promise<Ended> {
    const end = (signal: NodeJS.Signals) =>
      this.primaryRuns(this.primary) && process.kill(this.primary, signal);
    end('SIGTERM');
    const force = setTimeout(() => end('SIGKILL'), 15_000);
    const ended = await this.app.ended;
    clearTimeout(force);
    return ended;
  }

  events(): SlotEvent[] {
    return this.app.told.filter(
      ({ slot, at }) => at !== undefined && slot !== undefined,
    ) as unknown as SlotEvent[];
  }

  handovers(): Handover[] {
    return this.app.told.filter(({ event }) => event === 'upgraded') as unknown as Handover[];
  }

  /** The pid of the process that serves the slot, as the events so far say. */
  pidServing(slot: number): number | undefined {
    const events = this.events().filter((event) => event.slot === slot && event.event !== 'stalled');
    // An old primary may report events of its processes after the new one has reported its own.
    const lastReady = events.findLastIndex(({ event }) => event === 'ready');
    const pid = events[lastReady]?.pid;
    return events.slice(lastReady + 1).some((event) => event.pid === pid) ? undefined : pid;
  }

  /** Resolves when `count` slots serve and no further process is left. Rejects after 30 s or more. */
  async settled(count: number): Promise<void> {
    let slots: RouterStatus['slots'] = [];
    for (let tries = 0; tries < 600; tries++) {
      slots = (await this.status()).slots;
      const healthy = slots.filter(
        ({ state, down, stalled, leaving }) => state === 'ready' && !down && !stalled && leaving.length === 0,
      );
      const old = this.primaries().slice(0, -1);
      if (slots.length === count && healthy.length === count && !old.some((pid) => this.primaryRuns(pid)))
        return;
      await pause(50);
    }
    throw new Error(
      `the slots did not settle: expected ${count} that are ready, got ${JSON.stringify(slots)}`,
    );
  }
}

const rings = new Map<number, SlotRing>();

/** The ring of every router here that has this many slots. */
export function ringOf(slots: number): SlotRing {
  const ring = rings.get(slots) ?? new SlotRing({ slots, key: deriveKey(secret, 'ring', 8) });
  rings.set(slots, ring);
  return ring;
}
