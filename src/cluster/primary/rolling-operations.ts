import type { SlotRing } from '../../ring/slot-ring.js';
import { takenOver } from './errors.js';
import type { ListenerRegistry } from './listeners/listener-registry.js';
import { RollingQueue } from './pool/rolling-queue.js';
import { scaleTo } from './pool/scaling.js';
import type { WorkerPool } from './pool/worker-pool.js';
import type { RouterEventSink, RouterEventSource } from './router-events.js';
import type { Upgrade } from './upgrade/upgrade.js';

/** The parts of the router that the operations use. */
export interface OperatedParts {
  readonly ring: SlotRing;
  readonly pool: Pick<WorkerPool, 'supervisor' | 'assignment'>;
  readonly listeners: Pick<ListenerRegistry, 'openDirectPorts'>;
  readonly upgrade: Pick<Upgrade, 'handOver'>;
}

/** Reload, scale and upgrade. One runs at a time. The others wait in the order of the calls. */
export class RollingOperations {
  readonly #router: RouterEventSource & RouterEventSink;
  readonly #parts: OperatedParts;
  readonly #queue: RollingQueue = new RollingQueue();

  constructor(router: RouterEventSource & RouterEventSink, parts: OperatedParts) {
    this.#router = router;
    this.#parts = parts;
  }

  /** See `Router.reload`. Emits `reloading` when it begins and `reloaded` when it has ended, also if it failed. */
  reload(parallel: number): Promise<void> {
    const { supervisor } = this.#parts.pool;
    const slots = () => {
      this.#router.emit('reloading');
      return supervisor.slots.filter(({ retired }) => !retired).map(({ number }) => number);
    };
    return this.#queue
      .run(slots, parallel, (slot) => supervisor.replace(slot))
      .finally(() => this.#router.emit('reloaded'));
  }

  /** See `Router.scale`. */
  scale(workers: number): Promise<void> {
    const { ring, pool, listeners } = this.#parts;
    return this.#runOnce(() => scaleTo(workers, this.#router, ring, pool, listeners));
  }

  /**
   * Resolves with the process id of the new primary when that serves, and emits `upgraded`. Operations that wait then reject, because
   * the new primary is the one to ask. Rejects with ERR_LIMPET_UPGRADE if nothing has changed.
   */
  async upgrade(): Promise<number> {
    let pid = 0;
    await this.#runOnce(async () => {
      pid = await this.#parts.upgrade.handOver(this.#parts.ring.size);
      this.end(takenOver(pid));
    });
    this.#router.emit('upgraded', pid);
    return pid;
  }

  /** Operations that have not begun reject with `error`. */
  end(error: Error): void {
    this.#queue.end(error);
  }

  /** Runs an operation that concerns the whole router, not slot by slot. */
  #runOnce(operation: () => Promise<void>): Promise<void> {
    return this.#queue.run(() => [0], 1, operation);
  }
}
