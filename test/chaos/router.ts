import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { SlotStatus } from '../../src/cluster/status.ts';
import type { RouterOptions } from '../../src/options.ts';
import { deriveKey } from '../../src/ring/secret.ts';
import { SlotRing } from '../../src/ring/slot-ring.ts';
import { type App, startApp } from '../processes/app.ts';
import { runs } from '../processes/descriptors.ts';
import { uwsEnvironment } from '../uws/index.ts';
import type { SlotEvent } from './timeline.ts';

const secret = 'a secret for every chaos';
/** Reloads and changes of scale wait for each other, and on a busy machine each takes long. */
const patienceMs = 600_000;
const worker = fileURLToPath(new URL('../fixtures/chaos/worker.js', import.meta.url));

/** A router in a process of its own, with workers that keep a ledger. */
export class Router {
  readonly app: App;
  /** Where each worker writes what it served, in a file that is named by its process id. */
  readonly ledger: string;
  /** While there is such a file, new workers die at their start. */
  readonly broken: string;
  readonly #asked: Map<string, number> = new Map();

  constructor(
    adapter: string,
    folder: string,
    options: Omit<RouterOptions, 'handoff'> & { handoff: string },
  ) {
    this.ledger = join(folder, 'ledger');
    this.broken = join(folder, 'broken');
    mkdirSync(this.ledger, { recursive: true });
    this.app = startApp('apps/router.cjs', {
      env: {
        ...(adapter === 'uws' ? uwsEnvironment() : {}),
        LIMPET_TEST_OPTIONS: JSON.stringify({ exec: worker, secret, ...options }),
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
  runs(pid: number): boolean {
    try {
      return runs(pid) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(this.ledger);
    } catch {
      return false;
    }
  }

  /** Gives the router a command. Rejects with what it rejects with. */
  async ask(command: string, argument?: unknown): Promise<unknown> {
    const nth = (this.#asked.get(command) ?? 0) + 1;
    this.#asked.set(command, nth);
    this.app.say(argument === undefined ? command : `${command} ${JSON.stringify(argument)}`);
    const { result, error } = await this.app.hears(command, undefined, nth, patienceMs);
    if (error) throw new Error((error as { message: string }).message);
    return result;
  }

  async slots(): Promise<SlotStatus[]> {
    return ((await this.ask('status')) as { slots: SlotStatus[] }).slots;
  }

  /** Connections that were open, or in doubt, in processes that were killed. */
  async lost(): Promise<number> {
    return (await this.slots()).reduce((sum, { lost }) => sum + lost, 0);
  }

  events(): SlotEvent[] {
    return this.app.told.filter(({ at }) => at !== undefined) as unknown as SlotEvent[];
  }

  /** The process that serves the slot, as far as has been heard. */
  seatedIn(slot: number): number | undefined {
    const last = this.events().findLast((each) => each.slot === slot && each.event !== 'stalled');
    return last?.event === 'ready' ? last.pid : undefined;
  }

  /** Resolves when so many slots, and no process besides, serve. */
  async settled(count: number): Promise<void> {
    let slots: SlotStatus[] = [];
    for (let looks = 0; looks < 600; looks++) {
      slots = await this.slots();
      const well = slots.filter(
        ({ state, down, stalled, leaving }) => state === 'ready' && !down && !stalled && leaving.length === 0,
      );
      if (slots.length === count && well.length === count) return;
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
