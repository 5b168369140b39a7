import type { ServerConnection } from './server-connection.js';
import type { RedisTopology } from './topology.js';

/** Each call reports one change. */
export interface HealthListener {
  up(): void;
  down(reason: string): void;
  /** Redis does not track keys here, and will not do so later. */
  trackingRefused(reason: string): void;
}

/** Refusals that last. Others may pass, for example those during a failover. */
const noTracking = /^NOPERM\b|unknown (sub)?command|syntax error|sends no invalidation/i;

/** Whether all servers of a store can be reached and track keys, from the states of the connections. Reports the changes. */
export class RedisHealth {
  readonly #topology: Pick<RedisTopology, 'connections'>;
  readonly #listener: HealthListener;
  #wasUp: boolean | undefined;
  #reportedRefusal: string | undefined;

  constructor(topology: Pick<RedisTopology, 'connections'>, listener: HealthListener) {
    this.#topology = topology;
    this.#listener = listener;
  }

  get up(): boolean {
    return this.#connections.length > 0 && this.downReason === undefined;
  }

  get downReason(): string | undefined {
    return this.#connections.find(({ downReason }) => downReason !== undefined)?.downReason;
  }

  /** Why at least one server does not track keys; undefined while all do. */
  get untrackedReason(): string | undefined {
    const connections = this.#connections;
    if (connections.length === 0) return 'not connected yet';
    return connections.find(({ period }) => !period)?.untrackedReason;
  }

  /** Call after any change of `connection`. */
  changed(connection: Pick<ServerConnection, 'untrackedReason'>): void {
    const reason = this.downReason;
    const up = reason === undefined;
    if (up !== this.#wasUp) {
      this.#wasUp = up;
      if (up) this.#listener.up();
      else this.#listener.down(reason);
    }
    const refused = up ? connection.untrackedReason : undefined;
    if (refused && refused !== this.#reportedRefusal && noTracking.test(refused)) {
      this.#reportedRefusal = refused;
      this.#listener.trackingRefused(refused);
    }
  }

  get #connections(): ServerConnection[] {
    return [...this.#topology.connections()];
  }
}
