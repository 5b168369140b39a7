import type { RedisLink } from './server-connection.js';
import type { RedisRoute } from './topology.js';

/** What is told, once for each change. */
export interface HealthListener {
  up(): void;
  down(reason: string): void;
  /** Rows cannot be tracked here. */
  trackingRefused(reason: string): void;
}

/** Refusals that will not pass by themselves, as against those of a moment in a failover. */
const noTracking = /^NOPERM\b|unknown (sub)?command|syntax error|sends no invalidation/i;

/** Whether all servers of a store can be asked, and tell what changes: from the states of the links to them. */
export class RedisHealth {
  readonly #route: RedisRoute;
  readonly #listener: HealthListener;
  #up: boolean | undefined;
  #trackingReason: string | undefined;

  constructor(route: RedisRoute, listener: HealthListener) {
    this.#route = route;
    this.#listener = listener;
  }

  get up(): boolean {
    return this.#links.length > 0 && this.downReason === undefined;
  }

  get downReason(): string | undefined {
    return this.#links.find(({ downReason }) => downReason !== undefined)?.downReason;
  }

  /** Why rows are not tracked, at least on one server; undefined while they are. */
  get trackingReason(): string | undefined {
    const links = this.#links;
    return links.length === 0 ? 'not connected yet' : links.find(({ period }) => !period)?.periodReason;
  }

  /** The state of one of the links has changed. */
  changed(link: RedisLink): void {
    const reason = this.downReason;
    const up = reason === undefined;
    if (up !== this.#up) {
      this.#up = up;
      if (up) this.#listener.up();
      else this.#listener.down(reason);
    }
    const refused = up ? link.periodReason : undefined;
    if (refused && refused !== this.#trackingReason && noTracking.test(refused)) {
      this.#trackingReason = refused;
      this.#listener.trackingRefused(refused);
    }
  }

  get #links(): RedisLink[] {
    return [...this.#route.links()];
  }
}
