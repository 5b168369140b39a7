import type { BoundAddress, RawHandle } from '../../../connection.js';
import type { LimpetError } from '../../../errors.js';
import type { HandoffMessage, HandoffName, PrimaryHandoff, Seat } from '../../../handoff/contract.js';
import type { PrimaryMessage } from '../../protocol.js';
import type { Candidate } from './handoff-choice.js';

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
  seatFor(listener: number): Seat;
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
  readonly #seats: Map<ListeningProcess, Seat> = new Map();

  constructor(
    readonly id: number,
    readonly key: string,
    candidates: Iterable<Candidate>,
    /** The same servers' ports for each slot, where they have such. */
    readonly direct: Listener | undefined = undefined,
  ) {
    const [first, ...others] = candidates as Iterable<Candidate> as [Candidate];
    this.handoff = first.handoff;
    this.choice = { name: first.name, reason: first.reason ?? 'the first choice' };
    this.opened = this.#openAll(others);
    this.opened.catch(() => {});
  }

  seat(occupant: ListeningProcess): void {
    if (this.#seats.has(occupant)) return;
    const seat = occupant.seatFor(this.id);
    this.#seats.set(occupant, seat);
    this.handoff.seat(seat);
  }

  /** What was on its way to the process, which had stopped taking, comes to it again. */
  reseat(occupant: ListeningProcess): void {
    const seat = this.#seats.get(occupant);
    if (!seat) return;
    this.handoff.unseat(seat, false);
    this.handoff.seat(seat);
  }

  unseat(occupant: ListeningProcess, gone: boolean): void {
    const seat = this.#seats.get(occupant);
    if (!seat) return;
    if (gone) this.#seats.delete(occupant);
    this.handoff.unseat(seat, gone);
  }

  received(occupant: ListeningProcess, message: HandoffMessage, handle?: RawHandle): void {
    const seat = this.#seats.get(occupant);
    if (seat) this.handoff.received(seat, message, handle);
    else handle?.close();
  }

  /** All of it, or nothing. */
  async #openAll(others: Candidate[]): Promise<BoundAddress> {
    await this.direct?.opened;
    try {
      return await this.#open(others);
    } catch (error) {
      await this.direct?.handoff.close(0);
      throw error;
    }
  }

  /** Opens with the handoff at hand, else, where that cannot be had here, with the next. */
  async #open(others: Candidate[]): Promise<BoundAddress> {
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
