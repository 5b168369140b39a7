import { publish } from '../diagnostics.js';
/** What the primary counts, for each slot, for as long as the router lives. */
export class Counters {
    #slots = [];
    of(slot) {
        this.#slots[slot] ??= { handed: 0, diverted: 0, refused: {} };
        return this.#slots[slot];
    }
    handed(slot, diverted) {
        const counters = this.of(slot);
        counters.handed += 1;
        if (diverted)
            counters.diverted += 1;
    }
    refused(slot, reason) {
        const { refused } = this.of(slot);
        refused[reason] = (refused[reason] ?? 0) + 1;
        publish('limpet:refused', () => ({ slot, reason }));
    }
}
