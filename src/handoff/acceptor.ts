import type { Acceptor, BusiestCount, HandoffBinding } from '../binding/handoff-binding.js';
import { SharedPage } from '../binding/shared-memory.js';
import type { CompiledChain } from '../binding/typescript/head-calls.js';
import type { ListenAddress } from '../connection.js';
import type { SlotRing } from '../ring/slot-ring.js';
import type { Seat } from './contract.js';
import { addLatencies, type Latencies, noLatencies } from './latencies.js';
import type { Sockets } from './listening-sockets.js';

/** What was counted for a slot since the router began, processes that are gone included. */
export interface ExchangeCounts {
  /** Connections that its processes have had. */
  accepted: number;
  /** Connections that are open in them now. */
  open: number;
  /** Connections that the primary passed to the slot. */
  handed: number;
  /** Of those, at home in another slot. */
  diverted: number;
  /** Connections that wait in the primary for the slot. */
  queued: number;
  /** Connections closed unserved, by reason; reasons that never occurred are left out. */
  refused: Record<string, number>;
  /** Connections that the kernel placed here, although the ring would have chosen another slot. */
  missteered: number;
  /** Connections that were open, or in doubt, in a process when it died. */
  lost: number;
  /** Times that a process, short of descriptors, let connections wait. */
  starved: number;
  /** Of the connections that the primary passed to the slot. */
  latency: Latencies;
}

/** What the acceptor keeps to, for all listeners. */
export interface ExchangeSettings {
  readonly queueMax: number;
  readonly spreadEvenly: boolean;
  readonly maxLoad: number;
  readonly headTimeoutMs: number;
  readonly pendingMax: number;
  readonly pendingPerAddressMax: number;
}

/** One listener of the exchange. */
export interface ExchangeListener {
  /** The router's number of it, 0 to 254. */
  readonly listener: number;
  /** What its sockets are called from one primary to the next. */
  readonly key: string;
  readonly address: ListenAddress;
  /** How its connections are placed; without, by their address. */
  readonly chain?: CompiledChain | undefined;
}

type Kept = Pick<ExchangeCounts, 'accepted' | 'missteered' | 'lost' | 'starved' | 'latency'>;

/**
 * What all `kernel` and `fd` listeners of a router share: the acceptor thread, a channel to each slot, and the page.
 * A process of a slot inherits both descriptors of {@link inherit}.
 */
export class Exchange {
  readonly binding: HandoffBinding;
  readonly page: SharedPage;
  readonly acceptor: Acceptor;
  readonly sockets: Sockets;
  readonly #rows: Map<number, number> = new Map();
  readonly #kept: Map<number, Kept> = new Map();
  readonly #seats: Map<string, Seat> = new Map();
  readonly #settling: Map<number, () => void> = new Map();
  #homes: Uint16Array = new Uint16Array(0);

  /** Throws the system's error when page or thread cannot be had. */
  constructor(binding: HandoffBinding, ring: SlotRing, settings: ExchangeSettings, sockets: Sockets) {
    this.binding = binding;
    this.sockets = sockets;
    this.page = SharedPage.create(binding);
    const { key, ipv6Prefix } = ring;
    this.acceptor = new binding.Acceptor({ page: this.page.fd, key, ipv6Prefix, ...settings }, () =>
      this.#settled(),
    );
    this.retable(ring);
  }

  /** The descriptors that a process of the slot inherits: its channel's end, then the page. They stay the exchange's. */
  inherit(slot: number): readonly [channel: number, page: number] {
    return [this.acceptor.channelEnd(slot), this.page.fd];
  }

  /** Tells acceptor and page the ring. */
  retable(ring: SlotRing): void {
    const homes = ring.homeTable();
    const { key, ipv6Prefix } = ring;
    if (!sameTable(homes, this.#homes)) this.page.steerBy({ key, ipv6Prefix, homes });
    this.#homes = homes;
    this.acceptor.retable(ring.live === 0 ? homes : ring.ownerTable(), homes);
  }

  /** The process takes the listener's connections that come through the channel. */
  seat(seat: Seat, listener: number): void {
    this.#rows.set(seat.row, seat.slot);
    this.#seats.set(`${seat.slot}/${listener}`, seat);
    this.acceptor.seat(seat.slot, listener, seat.row);
  }

  /** It does no longer. False when it did not, since another had followed it. */
  unseat(seat: Seat, listener: number, gone: boolean): boolean {
    const key = `${seat.slot}/${listener}`;
    const seated = this.#seats.get(key) === seat;
    if (seated) {
      this.#seats.delete(key);
      this.acceptor.unseat(seat.slot, listener);
    }
    if (gone) this.#keep(seat);
    return seated;
  }

  /** What the busiest client made of the connections that were placed by their address: at the acceptor, and in each process. */
  *busiest(): Generator<readonly [place: string, count: BusiestCount]> {
    yield ['acceptor', this.acceptor.busiest()];
    for (const row of this.#rows.keys()) {
      const { steered, busiest } = this.page.worker(row);
      yield [`row ${row}`, { seen: steered, count: busiest }];
    }
  }

  counts(slot: number): ExchangeCounts {
    const { handed, diverted, queued, queueFull, abandoned } = this.page.slot(slot);
    const kept = this.#keptOf(slot);
    const latency = noLatencies();
    addLatencies(latency, kept.latency);
    const refused = {
      ...(queueFull > 0 && { 'queue full': queueFull }),
      ...(abandoned > 0 && { closing: abandoned }),
    };
    const counts = { ...kept, open: 0, handed, diverted, queued, refused, latency };
    for (const [row, at] of this.#rows) {
      if (at !== slot) continue;
      const { accepted, closed, missteered, starved } = this.page.worker(row);
      addLatencies(latency, this.#latencyOf(row));
      counts.accepted += accepted;
      counts.open += accepted - closed;
      counts.missteered += missteered;
      counts.starved += starved;
    }
    return counts;
  }

  /** Connections that are open in the process that writes `row`; undefined when none that is seated here does. */
  openIn(row: number): number | undefined {
    if (!this.#rows.has(row)) return undefined;
    const { accepted, closed } = this.page.worker(row);
    return accepted - closed;
  }

  /**
   * Accepts what waits in the kernel for the listener, closes its sockets, and resolves when all was taken by workers, or after
   * `timeoutMs`, with the number of connections that were then closed unserved.
   */
  async close(listener: number, timeoutMs: number): Promise<number> {
    let timer: NodeJS.Timeout | undefined;
    const settled = new Promise<void>((resolve) => {
      this.#settling.set(listener, resolve);
      timer = setTimeout(resolve, timeoutMs);
    });
    this.acceptor.closeListener(listener);
    this.#settled();
    await settled;
    clearTimeout(timer);
    this.#settling.delete(listener);
    return this.acceptor.abandon(listener);
  }

  /** Ends the thread and closes channels and page; what was counted can still be read. */
  stop(): void {
    this.acceptor.stop();
    this.page.close();
  }

  /** What a process that is gone has counted is added to its slot's; its row is free again. */
  #keep(seat: Seat): void {
    if (!this.#rows.delete(seat.row)) return;
    const { accepted, closed, taking, missteered, starved } = this.page.worker(seat.row);
    const kept = this.#keptOf(seat.slot);
    kept.accepted += accepted;
    kept.missteered += missteered;
    kept.starved += starved;
    kept.lost += accepted + taking - closed;
    addLatencies(kept.latency, this.#latencyOf(seat.row));
    this.page.clearWorker(seat.row);
  }

  #latencyOf(row: number): Latencies {
    const { latency, latencyUs } = this.page.worker(row);
    return { counts: [...latency], sumMs: latencyUs / 1000 };
  }

  #settled(): void {
    for (const [listener, resolve] of this.#settling) if (this.acceptor.settled(listener)) resolve();
  }

  #keptOf(slot: number): Kept {
    const kept = this.#kept.get(slot) ?? {
      accepted: 0,
      missteered: 0,
      lost: 0,
      starved: 0,
      latency: noLatencies(),
    };
    this.#kept.set(slot, kept);
    return kept;
  }
}

/** Whether two tables of the ring are the same. */
export function sameTable(a: Uint16Array, b: Uint16Array): boolean {
  return a.length === b.length && a.every((slot, bucket) => slot === b[bucket]);
}
