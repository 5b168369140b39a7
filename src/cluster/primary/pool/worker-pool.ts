import type { RawHandle } from '../../../connection.js';
import type { LimpetError } from '../../../errors.js';
import { type CheckedRouterOptions, slotsMax } from '../../../options.js';
import type { SlotRing } from '../../../ring/slot-ring.js';
import type { PeerTable, WorkerMessage } from '../../protocol.js';
import type { Counters } from '../counters.js';
import type { Handoffs } from '../listeners/handoffs.js';
import type { ListenerRegistry } from '../listeners/listener-registry.js';
import type { RouterAffinity } from '../listeners/router-affinity.js';
import type { RouterEventSink } from '../router-events.js';
import type { RouterState } from '../router-state.js';
import type { Upgrade } from '../upgrade/upgrade.js';
import { SlotAssignment } from './slot-assignment.js';
import { newPrimaryFailed } from './start-failures.js';
import { Supervisor } from './supervisor.js';
import type { WorkerProcess } from './worker-process.js';
import { WorkerSpawner } from './worker-spawner.js';

/** Worker indexes beyond two for each slot: for processes that still drain after several reloads. */
const spareIndexes = 64;

/** The parts of the router that the worker pool uses. */
export interface WorkerPoolDependencies {
  readonly options: CheckedRouterOptions;
  readonly ring: SlotRing;
  readonly affinity: Pick<RouterAffinity, 'forwardsRequests'>;
  readonly counters: Pick<Counters, 'beat'>;
  readonly handoffs: Pick<Handoffs, 'inheritedDescriptors'>;
  readonly listeners: Pick<ListenerRegistry, 'all' | 'ask' | 'received'>;
  readonly state: Pick<RouterState, 'phase' | 'isClosing' | 'enter'>;
  readonly upgrade: Pick<Upgrade, 'admit' | 'takeOver' | 'oldPrimaryServes'>;
  /** Closes the router, because it cannot go on. */
  fail(error: LimpetError): void;
  /** Reports an error that needs a person. The router goes on. */
  trouble(error: LimpetError): void;
}

/**
 * The worker processes of the router. The supervisor keeps a process in each slot. The slot assignment gives it the clients of the
 * slot. The pool joins the two: it passes on what a process does to the other processes and to the router.
 */
export class WorkerPool {
  readonly supervisor: Supervisor;
  readonly assignment: SlotAssignment;
  readonly #events: RouterEventSink;
  readonly #router: WorkerPoolDependencies;

  /** Emits the events of worker processes on `events`. */
  constructor(events: RouterEventSink, router: WorkerPoolDependencies) {
    const { options, ring, handoffs, counters, listeners } = router;
    this.#events = events;
    this.#router = router;
    const spawner = new WorkerSpawner(options, slotsMax * 2 + spareIndexes, (slot) =>
      handoffs.inheritedDescriptors(slot),
    );
    this.supervisor = new Supervisor(options, spawner, {
      message: (worker, message, handle) => this.#received(worker, message, handle),
      left: (worker, gone) => this.#left(worker, gone),
      stalled: (worker, stalled) => this.#stalled(worker, stalled),
      beat: (worker, vitals) => counters.beat(worker, vitals),
      changed: (worker) => this.#emitState(worker),
      crashLoop: (error) => router.trouble(error),
      neverStarted: (error) => router.fail(error),
    });
    this.assignment = new SlotAssignment(ring, options, {
      listeners: () => listeners.all(),
      attachedIn: (slot) =>
        [...this.supervisor.workers()].find((worker) => worker.slot === slot && worker.attached),
      changed: () => this.#sendPeers(),
      serves: (worker) => this.supervisor.markReady(worker, 'its servers are open'),
    });
  }

  #received(worker: WorkerProcess, message: WorkerMessage, handle: RawHandle | undefined): void {
    const { listeners } = this.#router;
    switch (message.type) {
      case 'listen':
        listeners.ask(worker, message);
        break;
      case 'open':
        worker.opened.add(message.listener);
        if (this.assignment.hasOpenedAll(worker)) this.#admit(worker);
        break;
      case 'handoff':
        listeners.received(worker, message, handle);
    }
  }

  /** The process has opened all its listeners. It gets its slot, or waits until all processes of a new primary can serve. */
  async #admit(worker: WorkerProcess): Promise<void> {
    const { state, upgrade } = this.#router;
    const inSlots = this.supervisor.slots.filter(({ retired }) => !retired).map(({ current }) => current);
    const wasStarting = state.phase === 'starting';
    try {
      for (const admitted of upgrade.admit(worker, inSlots)) await this.#assign(admitted);
      if (!wasStarting || state.phase !== 'serving') return;
      await upgrade.takeOver();
      this.#events.emit('serving');
    } catch (error) {
      this.#router.fail(error as LimpetError);
    }
  }

  async #assign(worker: WorkerProcess): Promise<void> {
    const { state } = this.#router;
    const wasAttached = worker.attached;
    await this.assignment.assign(worker);
    if (wasAttached || !worker.attached) return;
    this.#events.emit('ready', worker.slot, worker.pid);
    if (state.phase === 'closing') worker.send({ type: 'notice' });
    if (state.phase !== 'starting') return;
    state.enter('serving');
    // The other processes start about as fast as the first one. The clients of a slow one wait for `respawnGraceMs` from now.
    for (const { number, current } of this.supervisor.slots) {
      if (!current?.attached) this.assignment.startGrace(number);
    }
  }

  #left(worker: WorkerProcess, gone: boolean): void {
    const { upgrade, state } = this.#router;
    this.assignment.unassign(worker, gone);
    // If a new worker ends before all are ready, the upgrade is aborted and the old primary serves on.
    if (gone && upgrade.oldPrimaryServes && !state.isClosing) this.#router.fail(newPrimaryFailed(worker));
  }

  #stalled(worker: WorkerProcess, stalled: boolean): void {
    this.#events.emit('stalled', worker.slot, worker.pid, stalled);
    if (!worker.attached) return;
    if (stalled) this.assignment.markDown(worker.slot);
    else this.assignment.markUp(worker.slot);
  }

  #emitState({ slot, pid, lifecycle }: WorkerProcess): void {
    const { state, reason } = lifecycle;
    if (state === 'starting') this.#events.emit('starting', slot, pid);
    if (state === 'draining' || state === 'gone') this.#events.emit(state, slot, pid, reason);
  }

  /** Tells each process which process serves which slot, if requests may have to be forwarded. */
  #sendPeers(): void {
    const { affinity, state, ring } = this.#router;
    if (!affinity.forwardsRequests || state.isClosing) return;
    const workers = [...this.supervisor.workers()];
    const table = peerTable(ring, workers);
    for (const worker of workers) worker.send({ type: 'peers', table });
  }
}

function peerTable(ring: SlotRing, workers: readonly WorkerProcess[]): PeerTable {
  return {
    slots: ring.size,
    down: Array.from({ length: ring.size }, (_, slot) => slot).filter((slot) => ring.isDown(slot)),
    processes: workers
      .filter(({ opened }) => opened.size > 0)
      .map(({ slot, index, attached }) => ({ slot, workerIndex: index, attached })),
  };
}
