import type { SlotRing } from '../../src/ring/slot-ring.ts';

/** An event of the router about a worker process. Times are in ms since the epoch. */
export interface SlotEvent {
  readonly event: 'ready' | 'draining' | 'gone' | 'stalled';
  readonly slot: number;
  readonly pid: number;
  /** For `stalled`: whether the process is stalled now. Otherwise why the event happened. */
  readonly reason: string | boolean;
  readonly at: number;
  /** The pid of the primary that forked the process. */
  readonly primary?: number;
}

/**
 * When an old primary heard that the new one serves. Until then both accept connections. Each places them by the state of its own
 * processes.
 */
export interface Handover {
  /** The old primary. */
  readonly pid: number;
  readonly at: number;
}

/** The number of slots in a period. Between a call of scale and its answer, both the old and the new number are possible. */
export interface Size {
  readonly slots: number;
  readonly from: number;
  readonly to: number;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** Times of two processes may differ by this much, because each is rounded to whole milliseconds. */
const slackMs = 5;

/**
 * When each slot was in trouble, as the events of the router say. A client may be placed outside its home only while the home's
 * process is dead or stalled.
 */
export class Timeline {
  readonly #events: readonly SlotEvent[];
  readonly #sizes: readonly Size[];
  readonly #ringOf: (slots: number) => SlotRing;
  readonly #handovers: readonly Handover[];
  readonly #troubles: Map<number, Span[]> = new Map();

  constructor(
    events: readonly SlotEvent[],
    sizes: readonly Size[],
    ringOf: (slots: number) => SlotRing,
    handovers: readonly Handover[] = [],
  ) {
    this.#events = events;
    this.#sizes = sizes;
    this.#ringOf = ringOf;
    this.#handovers = handovers;
    for (const { event, slot, pid, reason, at } of events) {
      if (event === 'stalled' && reason === true) this.#trouble(slot, at, this.#recovered(slot, pid, at));
      if (event === 'gone') this.#trouble(slot, at, this.#replaced(slot, pid, at));
      if (event === 'stalled' ? reason === true : event === 'gone' && cutOff(reason))
        this.#allowLateConnections(slot, pid, at);
    }
  }

  /** The end of the process that had this pid at that time, because pids are used again. Undefined while it runs. */
  endOf(pid: number, at: number): SlotEvent | undefined {
    return this.#events.find((event) => event.event === 'gone' && event.pid === pid && event.at >= at);
  }

  /** All events of the process, as text. */
  storyOf(pid: number): string {
    const own = this.#events.filter((event) => event.pid === pid);
    return `${pid} (${own.map(({ event, slot, at, reason, primary }) => `${event} in ${slot} of ${primary} at ${at} ${reason ?? ''}`).join('; ')})`;
  }

  /** Whether the process began to drain after that time. */
  left(pid: number, at: number): boolean {
    return this.#events.some((event) => event.event === 'draining' && event.pid === pid && event.at >= at);
  }

  /** Whether a process that may have had clients was cut off between the two times. */
  someoneDied(from: number, to: number): boolean {
    return this.#events.some(({ event, reason, at }) => {
      return event === 'gone' && cutOff(reason) && at >= from - slackMs && at <= to + 1000;
    });
  }

  /** Whether `slot` is a right place for a client that was placed between the two times. */
  mayBeServedBy(slot: number, client: string, from: number, to: number): boolean {
    const during = (span: Span) => span.from <= to + slackMs && span.to >= from - slackMs;
    return this.#sizes.filter(during).some(({ slots }) => {
      const home = this.#ringOf(slots).homeOfAddress(client);
      return home === slot || (this.#troubles.get(home) ?? []).some(during);
    });
  }

  #trouble(slot: number, from: number, to: number): void {
    if (to <= from) return;
    const spans = this.#troubles.get(slot) ?? [];
    this.#troubles.set(slot, spans);
    spans.push({ from, to });
  }

  /**
   * If the primary of the process has handed over, it may still place connections that it accepted before. It places them by the
   * state of its own processes. So the slot counts as in trouble at the handover, for the connections of that moment.
   */
  #allowLateConnections(slot: number, pid: number, at: number): void {
    const handedOver = this.#handedOver(slot, pid, at);
    if (handedOver !== undefined && handedOver <= at) this.#trouble(slot, handedOver - 1, handedOver);
  }

  /** When another process served the slot and no primary counted on this one any more. */
  #replaced(slot: number, pid: number, at: number): number {
    const [mine, next] = this.#readyAndNext(slot, pid, at);
    if (!mine) return 0;
    return Math.max(next?.at ?? Number.POSITIVE_INFINITY, this.#handedOver(slot, pid, at) ?? 0);
  }

  /** When its primary handed over, if the slot's next process belongs to another primary. */
  #handedOver(slot: number, pid: number, at: number): number | undefined {
    const [mine, next] = this.#readyAndNext(slot, pid, at);
    if (!mine || !next || next.primary === mine.primary) return undefined;
    return this.#handovers.find((handover) => handover.pid === mine.primary)?.at;
  }

  /** The `ready` event of the process that had this pid at that time, and the next `ready` event of the slot. */
  #readyAndNext(slot: number, pid: number, at: number): (SlotEvent | undefined)[] {
    const own = this.#events.filter((event) => event.event === 'ready' && event.slot === slot);
    const mine = own.findLastIndex((event) => event.pid === pid && event.at <= at);
    return mine < 0 ? [] : [own[mine], own[mine + 1]];
  }

  /** When the stalled process gave a sign of life again, or another one served its slot. */
  #recovered(slot: number, pid: number, since: number): number {
    const recovery = this.#events.find(
      (event) =>
        event.event === 'stalled' && event.pid === pid && event.reason === false && event.at >= since,
    );
    return Math.min(recovery?.at ?? Number.POSITIVE_INFINITY, this.#replaced(slot, pid, since));
  }
}

/** Whether a process that ended for this reason may have left clients without an answer. */
export function cutOff(reason: string | boolean): boolean {
  return reason !== 'exited with code 0';
}
