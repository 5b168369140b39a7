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

/** Rows beyond two for each slot: processes that drain slowly through several reloads. */
const spareRows = 64;

/** What the workers must know of the rest. */
export interface WorkerPoolContext {
  readonly options: CheckedRouterOptions;
  readonly ring: SlotRing;
  readonly affinity: RouterAffinity;
  readonly counters: Counters;
  readonly handoffs: Handoffs;
  readonly listeners: ListenerRegistry;
  readonly life: RouterState;
  readonly upgrade: Upgrade;
  /** The router cannot go on. */
  fail(error: LimpetError): void;
  /** Something needs a person. */
  trouble(error: LimpetError): void;
}

/**
 * The processes in the router's slots: the supervisor keeps them there, the assignment gives them their clients. What one of them
 * does, and what follows for the others and for the router, meets here.
 */
export class WorkerPool {
  readonly supervisor: Supervisor;
  readonly assignment: SlotAssignment;
  /** Emits what becomes of each. */
  readonly #router: RouterEventSink;
  readonly #around: WorkerPoolContext;

  constructor(router: RouterEventSink, around: WorkerPoolContext) {
    const { options, ring, handoffs, counters, listeners } = around;
    this.#router = router;
    this.#around = around;
    this.supervisor = new Supervisor(options, slotsMax * 2 + spareRows, {
      inheritedDescriptors: (slot) => handoffs.inheritedDescriptors(slot),
      message: (worker, message, handle) => this.#message(worker, message, handle),
      left: (worker, gone) => this.#left(worker, gone),
      stalled: (worker, stalled) => this.#stalled(worker, stalled),
      beat: (worker, vitals) => counters.beat(worker, vitals),
      changed: (worker) => this.#changed(worker),
      crashLoop: (error) => around.trouble(error),
      neverStarted: (error) => around.fail(error),
    });
    this.assignment = new SlotAssignment(ring, {
      ...options,
      listeners: () => listeners.all(),
      attachedIn: (slot) =>
        [...this.supervisor.workers()].find((each) => each.slot === slot && each.attached),
      changed: () => this.#sendPeers(),
      serves: (worker) => this.supervisor.ready(worker, 'its servers are open'),
    });
  }

  #message(worker: WorkerProcess, message: WorkerMessage, handle: RawHandle | undefined): void {
    const { listeners } = this.#around;
    switch (message.type) {
      case 'listen':
        listeners.ask(worker, message);
        break;
      case 'open':
        worker.opened.add(message.listener);
        if (this.assignment.complete(worker)) this.#admit(worker);
        break;
      case 'handoff':
        listeners.received(worker, message, handle);
    }
  }

  async #admit(worker: WorkerProcess): Promise<void> {
    const { life, upgrade } = this.#around;
    const inSlots = this.supervisor.slots.filter(({ retired }) => !retired).map(({ current }) => current);
    const begins = life.phase === 'starting';
    try {
      for (const each of upgrade.admit(worker, inSlots)) await this.#take(each);
      if (!begins || life.phase !== 'serving') return;
      await upgrade.takeOver();
      this.#router.emit('serving');
    } catch (error) {
      this.#around.fail(error as LimpetError);
    }
  }

  async #take(worker: WorkerProcess): Promise<void> {
    const { life } = this.#around;
    const again = worker.attached;
    await this.assignment.assign(worker);
    if (again || !worker.attached) return;
    this.#router.emit('ready', worker.slot, worker.pid);
    if (life.phase === 'closing') worker.send({ type: 'notice' });
    if (life.phase !== 'starting') return;
    life.enter('serving');
    // Siblings boot about as fast as the first did: what is not there a grace later does not hold up its clients.
    for (const { number, current } of this.supervisor.slots) {
      if (!current?.attached) this.assignment.startGrace(number);
    }
  }

  #left(worker: WorkerProcess, gone: boolean): void {
    const { upgrade, life, fail } = this.#around;
    this.assignment.left(worker, gone);
    // Before all are ready the old primary serves, and a new one that stumbles leaves it to that.
    if (gone && upgrade.oldPrimaryServes && !life.isClosing) fail(newPrimaryFailed(worker));
  }

  #stalled(worker: WorkerProcess, stalled: boolean): void {
    this.#router.emit('stalled', worker.slot, worker.pid, stalled);
    if (!worker.attached) return;
    if (stalled) this.assignment.down(worker.slot);
    else this.assignment.up(worker.slot);
  }

  #changed({ slot, pid, life }: WorkerProcess): void {
    if (life.state === 'starting') this.#router.emit('starting', slot, pid);
    if (life.state === 'draining' || life.state === 'gone')
      this.#router.emit(life.state, slot, pid, life.reason);
  }

  #sendPeers(): void {
    const { affinity, life, ring } = this.#around;
    if (!affinity.forwardsRequests || life.isClosing) return;
    const workers = [...this.supervisor.workers()];
    const table = peerTable(ring, workers);
    for (const worker of workers) worker.send({ type: 'peers', table });
  }
}

/** Who serves which slot now, as every process must know it to pass requests on. */
function peerTable(ring: SlotRing, workers: readonly WorkerProcess[]): PeerTable {
  return {
    slots: ring.size,
    down: Array.from({ length: ring.size }, (_, slot) => slot).filter((slot) => ring.isDown(slot)),
    processes: workers
      .filter(({ opened }) => opened.size > 0)
      .map(({ slot, index, attached }) => ({ slot, workerIndex: index, attached })),
  };
}
