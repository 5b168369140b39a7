import type { BusiestCount } from '../../binding/handoff-binding.js';
import { warn } from '../../diagnostics.js';
import type { BusiestCounts } from '../../handoff/busiest-client.js';

/** Connections that are looked at together. */
const windowOf = 1000;
const lookEveryMs = 1000;

/**
 * Sees the commonest mistake: a router that tells clients apart by their address, behind a proxy, where all come from one. When one
 * address makes more than half of a thousand connections or more, a process warning says so, once.
 */
export class OneAddressWarning {
  readonly #counts: BusiestCounts;
  readonly #timer: NodeJS.Timeout;
  #before: Map<string, BusiestCount> = new Map();
  #said = false;

  constructor(counts: BusiestCounts) {
    this.#counts = counts;
    this.#timer = setInterval(() => this.look(), lookEveryMs);
    this.#timer.unref();
  }

  end(): void {
    clearInterval(this.#timer);
  }

  look(): void {
    const now = new Map(this.#counts());
    let seen = 0;
    let most = 0;
    for (const [place, { seen: all, count }] of now) {
      const known = this.#before.get(place);
      // A new process in the workerIndex counts anew, and so does another candidate.
      const before = known && known.seen <= all ? known : { seen: 0, count: 0 };
      const more = all - before.seen;
      seen += more;
      most = Math.max(most, Math.min(more, before.count <= count ? count - before.count : count));
    }
    if (seen < windowOf || this.#said) return;
    this.#before = now;
    if (most * 2 <= seen) return;
    this.#said = true;
    this.end();
    const message =
      `${most} of the last ${seen} connections came from one address, and clients are told apart by their address: they all go to one worker. ` +
      "Is there a proxy or load balancer in front? Then set affinity to 'forwarded' or 'proxy-protocol' with trust, or to 'cookie' (docs/affinity.md).";
    warn('LIMPET_ONE_ADDRESS', message);
  }
}
