import type { BusiestCount } from '../../binding/handoff-binding.js';
import { warn } from '../../diagnostics.js';
import type { BusiestCounts } from '../../handoff/busiest-client.js';

/** Connections are judged when at least this many have come since the last judgement. */
const windowConnections = 1000;
const lookEveryMs = 1000;

/**
 * Warns of the most common mistake: a router tells clients apart by address, and behind a proxy all clients have one address. If one
 * address makes more than half of the last 1000 or more connections, it emits one process warning.
 */
export class OneAddressWarning {
  readonly #counts: BusiestCounts;
  readonly #timer: NodeJS.Timeout;
  /** The counts at the last judgement. */
  #before: Map<string, BusiestCount> = new Map();
  #hasWarned = false;

  /** `counts` are the running totals of each place that sees connections. Looks at them once a second. */
  constructor(counts: BusiestCounts) {
    this.#counts = counts;
    this.#timer = setInterval(() => this.look(), lookEveryMs);
    this.#timer.unref();
  }

  end(): void {
    clearInterval(this.#timer);
  }

  look(): void {
    if (this.#hasWarned) return;
    const now = new Map(this.#counts());
    let seen = 0;
    let most = 0;
    for (const [place, total] of now) {
      const more = difference(total, this.#before.get(place));
      seen += more.seen;
      most = Math.max(most, more.count);
    }
    if (seen < windowConnections) return;
    this.#before = now;
    if (most * 2 <= seen) return;
    this.#hasWarned = true;
    this.end();
    warn(
      'LIMPET_ONE_ADDRESS',
      `${most} of the last ${seen} connections came from one address. The router tells clients apart by their address, so all of them go to one worker. ` +
        "Is there a proxy or load balancer in front? Then set affinity to 'forwarded' or 'proxy-protocol' with trust, or to 'cookie' (docs/affinity.md).",
    );
  }
}

/** The counts of a place since `before`. Its totals begin again at 0 if a new process counts there. */
function difference(total: BusiestCount, before: BusiestCount | undefined): BusiestCount {
  const isContinued = before !== undefined && before.seen <= total.seen;
  const known = isContinued ? before : { seen: 0, count: 0 };
  const seen = total.seen - known.seen;
  // The count begins again at 0 if another address is the busiest.
  const count = total.count >= known.count ? total.count - known.count : total.count;
  return { seen, count: Math.min(seen, count) };
}
