import type { LimpetError } from '../../errors.js';
import type { CheckedRouterOptions } from '../../options.js';
import { deriveKey } from '../../ring/secret.js';
import { SlotRing } from '../../ring/slot-ring.js';
import { Counters } from './counters.js';
import { Handoffs } from './listeners/handoffs.js';
import { ListenerRegistry } from './listeners/listener-registry.js';
import { RouterAffinity } from './listeners/router-affinity.js';
import { OneAddressWarning } from './one-address-warning.js';
import { WorkerPool } from './pool/worker-pool.js';
import { RollingOperations } from './rolling-operations.js';
import type { RouterEventSink, RouterEventSource } from './router-events.js';
import { RouterState } from './router-state.js';
import { Upgrade } from './upgrade/upgrade.js';

/** The parts of a router, each with one job. */
export interface RouterParts {
  readonly state: RouterState;
  readonly upgrade: Upgrade;
  readonly affinity: RouterAffinity;
  readonly ring: SlotRing;
  readonly counters: Counters;
  readonly handoffs: Handoffs;
  readonly listeners: ListenerRegistry;
  readonly pool: WorkerPool;
  readonly operations: RollingOperations;
  readonly oneAddressWarning: OneAddressWarning;
}

/** The functions by which the parts report errors to the router. */
export interface ErrorReports {
  /** Closes the router, because it cannot go on. */
  fail(error: LimpetError): void;
  /** Reports an error that needs a person. The router goes on. */
  report(error: LimpetError): void;
}

/** Makes the parts and joins them. Nothing listens and no process is forked yet. Throws as the constructor of `Router`. */
export function makeRouterParts(
  checkedOptions: CheckedRouterOptions,
  router: RouterEventSource & RouterEventSink,
  { fail, report }: ErrorReports,
): RouterParts {
  const state = new RouterState();
  const upgrade = new Upgrade(checkedOptions);
  const { options, secret, sockets } = upgrade;
  const affinity = new RouterAffinity(options, secret);
  affinity.warnOfIdleRules();
  const ring = new SlotRing({
    slots: options.workers,
    buckets: options.buckets,
    key: deriveKey(secret, 'ring', 8),
    ipv6Prefix: options.ipv6Prefix,
  });
  const counters = new Counters();
  const handoffs = new Handoffs(options, ring, counters, affinity, sockets);
  const oneAddressWarning = new OneAddressWarning(() => handoffs.busiest());
  const listeners = new ListenerRegistry(options, ring, affinity, handoffs, router);
  const pool = new WorkerPool(router, {
    options,
    ring,
    affinity,
    counters,
    handoffs,
    listeners,
    state,
    upgrade,
    fail,
    report,
  });
  const operations = new RollingOperations(router, { ring, pool, listeners, upgrade });
  return {
    state,
    upgrade,
    affinity,
    ring,
    counters,
    handoffs,
    listeners,
    pool,
    operations,
    oneAddressWarning,
  };
}
