import { LRUCache } from 'lru-cache';

const textsMax = 4096;
/** Longer texts are not kept, because clients could fill the memory with them. */
const textLengthMax = 512;

/** Remembers results for texts that clients send repeatedly, such as cookies. A result is valid within its hour, because cookies expire by the hour. */
export class HourlyCache<Found extends object> {
  readonly #found: LRUCache<string, Found> = new LRUCache({ max: textsMax });
  #hour = -1;

  /** The result for the text in this hour; `find` computes it if it is not known. */
  of(text: string, hour: number, find: () => Found): Found {
    if (hour !== this.#hour) this.#found.clear();
    this.#hour = hour;
    const known = this.#found.get(text);
    if (known) return known;
    const found = find();
    if (text.length <= textLengthMax) this.#found.set(text, found);
    return found;
  }
}
