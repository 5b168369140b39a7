import type { RawHandle } from '../../../connection.js';
import type { LimpetError } from '../../../errors.js';
import { type CheckedRouterOptions, slotsMax } from '../../../options.js';
import type { SlotRing } from '../../../ring/slot-ring.js';
import type { NeighbourTable, WorkerMessage } from '../../protocol.js';
import type { Counters } from '../counters.js';
import type { Handoffs } from '../listeners/handoff-choice.js';
import type { Listeners } from '../listeners/listener-registry.js';
import type { RouterAffinity } from '../listeners/router-affinity.js';
import type { RouterEventSink } from '../router-events.js';
import type { RouterLife } from '../router-state.js';
import type { Succession } from '../upgrade/upgrade.js';
import { Seating } from './slot-assignment.js';
import { stumbled } from './start-failures.js';
import { Supervisor } from './supervisor.js';
import type { Occupant } from './worker-process.js';

/** Rows beyond two for each slot: processes that drain slowly through several reloads. */
const spareRows = 64;

/** What the occupants must know of the rest. */
export interface OccupantsSurroundings {
  readonly options: CheckedRouterOptions;
  readonly ring: SlotRing;
  readonly affinity: RouterAffinity;
  readonly counters: Counters;
  readonly handoffs: Handoffs;
  readonly listeners: Listeners;
  readonly life: RouterLife;
  readonly succession: Succession;
  /** The router cannot go on. */
  fail(error: LimpetError): void;
  /** Something needs a person. */
  trouble(error: LimpetError): void;
}

/**
 * The processes in the router's slots: the supervisor keeps them there, the seating gives them their clients. What one of them
 * does, and what follows for the others and for the router, meets here.
 */
export class Occupants {
  readonly supervisor: Supervisor;
  readonly seating: Seating;
  /** Emits what becomes of each. */
  readonly #router: RouterEventSink;
  readonly #around: OccupantsSurroundings;

  constructor(router: RouterEventSink, around: OccupantsSurroundings) {
    const { options, ring, handoffs, counters, listeners } = around;
    this.#router = router;
    this.#around = around;
    this.supervisor = new Supervisor(options, slotsMax * 2 + spareRows, {
      inherit: (slot) => handoffs.inherit(slot),
      message: (occupant, message, handle) => this.#message(occupant, message, handle),
      left: (occupant, gone) => this.#left(occupant, gone),
      stalled: (occupant, stalled) => this.#stalled(occupant, stalled),
      beat: (occupant, vitals) => counters.beat(occupant, vitals),
      changed: (occupant) => this.#changed(occupant),
      crashLoop: (error) => around.trouble(error),
      neverStarted: (error) => around.fail(error),
    });
    this.seating = new Seating(ring, {
      ...options,
      listeners: () => listeners.all(),
      seatedIn: (slot) => [...this.supervisor.occupants()].find((each) => each.slot === slot && each.seated),
      changed: () => this.#tellNeighbours(),
      serves: (occupant) => this.supervisor.ready(occupant, 'its servers are open'),
    });
  }

  #message(occupant: Occupant, message: WorkerMessage, handle: RawHandle | undefined): void {
    const { listeners } = this.#around;
    switch (message.type) {
      case 'listen':
        listeners.ask(occupant, message);
        break;
      case 'open':
        occupant.opened.add(message.listener);
        if (this.seating.complete(occupant)) this.#admit(occupant);
        break;
      case 'handoff':
        listeners.received(occupant, message, handle);
    }
  }

  async #admit(occupant: Occupant): Promise<void> {
    const { life, succession } = this.#around;
    const inSlots = this.supervisor.slots.filter(({ retired }) => !retired).map(({ current }) => current);
    const begins = life.state === 'starting';
    try {
      for (const each of succession.admit(occupant, inSlots)) await this.#take(each);
      if (!begins || life.state !== 'serving') return;
      await succession.serves();
      this.#router.emit('serving');
    } catch (error) {
      this.#around.fail(error as LimpetError);
    }
  }

  async #take(occupant: Occupant): Promise<void> {
    const { life } = this.#around;
    const again = occupant.seated;
    await this.seating.take(occupant);
    if (again || !occupant.seated) return;
    this.#router.emit('ready', occupant.slot, occupant.pid);
    if (life.state === 'closing') occupant.send({ type: 'notice' });
    if (life.state !== 'starting') return;
    life.serves();
    // Siblings boot about as fast as the first did: what is not there a grace later does not hold up its clients.
    for (const { number, current } of this.supervisor.slots) {
      if (!current?.seated) this.seating.startGrace(number);
    }
  }

  #left(occupant: Occupant, gone: boolean): void {
    const { succession, life, fail } = this.#around;
    this.seating.left(occupant, gone);
    // Before all are ready the old primary serves, and a new one that stumbles leaves it to that.
    if (gone && succession.waiting && !life.ends) fail(stumbled(occupant));
  }

  #stalled(occupant: Occupant, stalled: boolean): void {
    this.#router.emit('stalled', occupant.slot, occupant.pid, stalled);
    if (!occupant.seated) return;
    if (stalled) this.seating.down(occupant.slot);
    else this.seating.up(occupant.slot);
  }

  #changed({ slot, pid, life }: Occupant): void {
    if (life.state === 'starting') this.#router.emit('starting', slot, pid);
    if (life.state === 'draining' || life.state === 'gone')
      this.#router.emit(life.state, slot, pid, life.reason);
  }

  #tellNeighbours(): void {
    const { affinity, life, ring } = this.#around;
    if (!affinity.rehomes || life.ends) return;
    const occupants = [...this.supervisor.occupants()];
    const table = neighbourTable(ring, occupants);
    for (const occupant of occupants) occupant.send({ type: 'neighbours', table });
  }
}

/** Who serves which slot now, as every process must know it to pass requests on. */
function neighbourTable(ring: SlotRing, occupants: readonly Occupant[]): NeighbourTable {
  return {
    slots: ring.size,
    down: Array.from({ length: ring.size }, (_, slot) => slot).filter((slot) => ring.isDown(slot)),
    processes: occupants
      .filter(({ opened }) => opened.size > 0)
      .map(({ slot, row, seated }) => ({ slot, row, seated })),
  };
}
