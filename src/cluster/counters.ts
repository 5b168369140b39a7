import { publish } from '../diagnostics.js';

export interface SlotCounters {
  /** Connections given to the slot's processes. */
  handed: number;
  /** Of those, how many came because their home was down. */
  diverted: number;
  /** Connections closed unserved, by reason. */
  refused: Record<string, number>;
}

/** What the primary counts, for each slot, for as long as the router lives. */
export class Counters {
  readonly #slots: SlotCounters[] = [];
  /** Connections closed before they could be placed, by reason. */
  readonly unplacedBy: Record<string, number> = {};

  of(slot: number): SlotCounters {
    this.#slots[slot] ??= { handed: 0, diverted: 0, refused: {} };
    return this.#slots[slot];
  }

  unplaced(reason: string): void {
    this.unplacedBy[reason] = (this.unplacedBy[reason] ?? 0) + 1;
    publish('limpet:unplaced', () => ({ reason }));
  }

  handed(slot: number, diverted: boolean): void {
    const counters = this.of(slot);
    counters.handed += 1;
    if (diverted) counters.diverted += 1;
  }

  refused(slot: number, reason: string): void {
    const { refused } = this.of(slot);
    refused[reason] = (refused[reason] ?? 0) + 1;
    publish('limpet:refused', () => ({ slot, reason }));
  }
}
