import type { BoundAddress, RawHandle } from '../../../connection.js';
import type { LimpetError } from '../../../errors.js';
import type {
  HandoffMessage,
  HandoffName,
  PrimaryHandoff,
  WorkerEndpoint,
} from '../../../handoff/contract.js';
import type { PrimaryMessage } from '../../protocol.js';
import type { HandoffOption } from './handoffs.js';

/** Which handoff serves a listener, and why that one. */
export interface HandoffChoice {
  readonly name: HandoffName;
  /** In words for people: what a better one lacked here, or `the first choice`. */
  readonly reason: string;
}

/** The part of a worker process that a listener needs. */
export interface ListeningProcess {
  /** Listeners that the app in the process asked for, by key. */
  readonly asked: Set<string>;
  /** What the handoff of one listener sends through. */
  endpointFor(listener: number): WorkerEndpoint;
  send(message: PrimaryMessage): boolean;
}

/** One listening address of the router: its handoff, and the processes that are seated for it. */
export class Listener {
  handoff: PrimaryHandoff;
  choice: HandoffChoice;
  bound: BoundAddress | undefined;
  /** Whether the primary itself asked for it: then every process must open it before it is ready. */
  declared = false;
  /** Settles once: with the address that was bound, or with the LimpetError that says why not. */
  readonly opened: Promise<BoundAddress>;
  readonly #endpoints: Map<ListeningProcess, WorkerEndpoint> = new Map();

  constructor(
    readonly id: number,
    readonly key: string,
    candidates: Iterable<HandoffOption>,
    /** The same servers' ports for each slot, where they have such. */
    readonly direct: Listener | undefined = undefined,
  ) {
    const [first, ...others] = candidates as Iterable<HandoffOption> as [HandoffOption];
    this.handoff = first.handoff;
    this.choice = { name: first.name, reason: first.reason ?? 'the first choice' };
    this.opened = this.#openAll(others);
    this.opened.catch(() => {});
  }

  attach(worker: ListeningProcess): void {
    if (this.#endpoints.has(worker)) return;
    const seat = worker.endpointFor(this.id);
    this.#endpoints.set(worker, seat);
    this.handoff.attach(seat);
  }

  /** What was on its way to the process, which had stopped taking, comes to it again. */
  reattach(worker: ListeningProcess): void {
    const seat = this.#endpoints.get(worker);
    if (!seat) return;
    this.handoff.detach(seat, false);
    this.handoff.attach(seat);
  }

  detach(worker: ListeningProcess, gone: boolean): void {
    const seat = this.#endpoints.get(worker);
    if (!seat) return;
    if (gone) this.#endpoints.delete(worker);
    this.handoff.detach(seat, gone);
  }

  received(worker: ListeningProcess, message: HandoffMessage, handle?: RawHandle): void {
    const seat = this.#endpoints.get(worker);
    if (seat) this.handoff.received(seat, message, handle);
    else handle?.close();
  }

  /** All of it, or nothing. */
  async #openAll(others: HandoffOption[]): Promise<BoundAddress> {
    await this.direct?.opened;
    try {
      return await this.#open(others);
    } catch (error) {
      await this.direct?.handoff.close(0);
      throw error;
    }
  }

  /** Opens with the handoff at hand, else, where that cannot be had here, with the next. */
  async #open(others: HandoffOption[]): Promise<BoundAddress> {
    for (;;) {
      try {
        this.bound = await this.handoff.open();
        return this.bound;
      } catch (error) {
        const next = others.shift();
        if (!next || (error as LimpetError).code !== 'ERR_LIMPET_HANDOFF_UNSUPPORTED') throw error;
        this.handoff = next.handoff;
        const { handoff, reason } = (error as LimpetError).facts;
        this.choice = { name: next.name, reason: `${handoff} cannot be had: ${reason}` };
      }
    }
  }
}
