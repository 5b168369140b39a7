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
/** By which it is asked for things. */
const name = 'chaos';
const worker = fileURLToPath(new URL('../fixtures/chaos/worker.js', import.meta.url));

/** A router in a process of its own, or in that of its successor, with workers that keep a ledger. */
export class Router {
  readonly app: App;
  /** Where each worker writes what it served, in a file that is named by its process id. */
  readonly ledger: string;
  /** While there is such a file, new workers die at their start. */
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

  /** Whether the process, which serves or served the slot or waits for it, still runs; another one may have its number by now. */
  runs(pid: number, program = ''): boolean {
    const told = (what: string) => readFileSync(`/proc/${pid}/${what}`, 'utf8');
    try {
      return runs(pid) && told('environ').includes(this.ledger) && told('cmdline').includes(program);
    } catch {
      return false;
    }
  }

  /** Whether a primary of ours still runs by that number. */
  primaryRuns(pid: number): boolean {
    return this.runs(pid, 'apps/routers/router.cjs');
  }

  /** The primaries that have been, in order; the last one serves. */
  primaries(): number[] {
    const later = this.app.told.filter(({ event }) => event === 'upgraded').map((told) => told.successor);
    return [this.app.pid, ...(later as number[])];
  }

  get primary(): number {
    return this.primaries().at(-1) as number;
  }

  /** Gives the router a command. Rejects with what it rejects with. */
  ask(words: string, args: Record<string, unknown> = {}): Promise<unknown> {
    return command(this.#folder, name, words, args);
  }

  async status(): Promise<RouterStatus> {
    return (await this.ask('status')) as RouterStatus;
  }

  /** Connections that were open, or in doubt, in processes that were killed. Waits for primaries that are leaving. */
  async lost(): Promise<number> {
    const left = this.primaries().slice(0, -1);
    const words = await Promise.all(left.map((pid) => this.app.hears('closed', (told) => told.pid === pid)));
    const { lost } = await this.status();
    return words.reduce((sum, told) => sum + (told.lost as number), lost);
  }

  /** Ends it as an operator would, then by force; resolves when it and all that it has started are gone, with how the first one ended. */
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

  /** The process that serves the slot, as far as has been heard. */
  seatedIn(slot: number): number | undefined {
    const events = this.events().filter((each) => each.slot === slot && each.event !== 'stalled');
    // Primaries that are leaving tell of their processes after the new one has told of its own.
    const at = events.findLastIndex(({ event }) => event === 'ready');
    const pid = events[at]?.pid;
    return events.slice(at + 1).some((each) => each.pid === pid) ? undefined : pid;
  }

  /** Resolves when so many slots, and no process besides, serve. */
  async settled(count: number): Promise<void> {
    let slots: RouterStatus['slots'] = [];
    for (let looks = 0; looks < 600; looks++) {
      slots = (await this.status()).slots;
      const well = slots.filter(
        ({ state, down, stalled, leaving }) => state === 'ready' && !down && !stalled && leaving.length === 0,
      );
      const former = this.primaries().slice(0, -1);
      if (slots.length === count && well.length === count && !former.some((pid) => this.primaryRuns(pid)))
        return;
      await pause(50);
    }
    throw new Error(`the slots do not come to rest: ${JSON.stringify(slots)}`);
  }
}

const rings = new Map<number, SlotRing>();

/** The ring of so many slots, as every router here has it. */
export function ringOf(slots: number): SlotRing {
  const ring = rings.get(slots) ?? new SlotRing({ slots, key: deriveKey(secret, 'ring', 8) });
  rings.set(slots, ring);
  return ring;
}
