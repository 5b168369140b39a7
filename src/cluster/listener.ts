import type { BoundAddress, ListenAddress, RawHandle } from '../connection.js';
import { LimpetError } from '../errors.js';
import type { HandoffMessage, PrimaryHandoff, Seat } from '../handoff/contract.js';
import { IpcPrimary } from '../handoff/ipc-primary.js';
import type { CheckedRouterOptions } from '../options.js';
import type { SlotRing } from '../ring/slot-ring.js';
import type { Counters } from './counters.js';
import type { ServerTraits } from './messages.js';
import type { Occupant } from './occupant.js';

/** Which handoff serves a listener, and why that one. */
export interface HandoffChoice {
  readonly name: 'kernel' | 'fd' | 'ipc';
  readonly reason: string;
}

/** One listening address of the router: its handoff, and the processes that are seated for it. */
export class Listener {
  readonly handoff: PrimaryHandoff;
  readonly choice: HandoffChoice;
  bound: BoundAddress | undefined;
  /** Whether the primary itself asked for it: then every process must open it before it is ready. */
  declared = false;
  /** Settles once: with the address that was bound, or with the LimpetError that says why not. */
  readonly opened: Promise<BoundAddress>;
  readonly #seats: Map<Occupant, Seat> = new Map();

  constructor(
    readonly id: number,
    readonly key: string,
    readonly address: ListenAddress,
    traits: ServerTraits,
    options: CheckedRouterOptions,
    ring: SlotRing,
    counters: Counters,
  ) {
    this.choice = choose(options.handoff, traits);
    this.handoff = new IpcPrimary(ring, {
      address,
      queueMax: options.queueMax,
      refused: (slot, reason) => counters.refused(slot, reason),
      handed: (slot, diverted) => counters.handed(slot, diverted),
    });
    this.opened = this.handoff.open();
    this.opened.then(
      (bound) => {
        this.bound = bound;
      },
      () => {},
    );
  }

  seat(occupant: Occupant): void {
    if (this.#seats.has(occupant)) return;
    const seat = occupant.seatFor(this.id);
    this.#seats.set(occupant, seat);
    this.handoff.seat(seat);
  }

  unseat(occupant: Occupant, gone: boolean): void {
    const seat = this.#seats.get(occupant);
    if (!seat) return;
    if (gone) this.#seats.delete(occupant);
    this.handoff.unseat(seat, gone);
  }

  received(occupant: Occupant, message: HandoffMessage, handle?: RawHandle): void {
    const seat = this.#seats.get(occupant);
    if (seat) this.handoff.received(seat, message, handle);
    else handle?.close();
  }
}

function choose(wanted: CheckedRouterOptions['handoff'], _traits: ServerTraits): HandoffChoice {
  if (wanted === 'ipc') return { name: 'ipc', reason: 'asked for' };
  if (wanted === 'auto') return { name: 'ipc', reason: 'the only one built so far' };
  throw new LimpetError(
    'ERR_LIMPET_HANDOFF_UNSUPPORTED',
    `handoff ${wanted} cannot be had: it is not built yet. Use 'auto' or 'ipc'.`,
    { handoff: wanted },
  );
}
