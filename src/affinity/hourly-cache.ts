import { LRUCache } from 'lru-cache';

const textsMax = 4096;
/** Longer ones are not kept: what strangers send must not fill the memory. */
const textLengthMax = 512;

/** What was found out about texts that clients send again and again. It holds for an hour, as cookies' tags do. */
export class HourlyCache<Found extends object> {
  readonly #found: LRUCache<string, Found> = new LRUCache({ max: textsMax });
  #hour = -1;

  /** What is known of the text in this hour, else what `find` says of it. */
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
