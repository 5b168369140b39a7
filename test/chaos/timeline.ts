import type { SlotRing } from '../../src/ring/slot-ring.ts';

/** What the router told of a process. Times are in ms since the epoch. */
export interface SlotEvent {
  readonly event: 'ready' | 'draining' | 'gone' | 'stalled';
  readonly slot: number;
  readonly pid: number;
  /** With `stalled`, whether it is. */
  readonly reason: string | boolean;
  readonly at: number;
  /** Whose process it is. */
  readonly primary?: number;
}

/** When a primary heard that its successor serves: till then both take connections, each as it knows its own processes. */
export interface Handover {
  /** The primary that leaves. */
  readonly pid: number;
  readonly at: number;
}

/** There were so many slots, or may have been: between a change of scale and its answer both numbers hold. */
export interface Size {
  readonly slots: number;
  readonly from: number;
  readonly to: number;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** Two processes of one machine read their clocks in whole milliseconds. */
const slackMs = 5;

/**
 * When which slot was in trouble, as the router told it: a client may be placed elsewhere than at home only while its home's process
 * is dead or stalled.
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
      if (event === 'stalled' && reason === true) this.#trouble(slot, at, this.#calmed(slot, pid, at));
      if (event === 'gone') this.#trouble(slot, at, this.#succeeded(slot, pid, at));
      if (event === 'stalled' ? reason === true : event === 'gone' && cutOff(reason))
        this.#late(slot, pid, at);
    }
  }

  /** How the process that ran at that time ended (numbers of processes come again); undefined while it runs. */
  endOf(pid: number, at: number): SlotEvent | undefined {
    return this.#events.find((each) => each.event === 'gone' && each.pid === pid && each.at >= at);
  }

  /** What was told of the process, for a person to read. */
  storyOf(pid: number): string {
    const own = this.#events.filter((each) => each.pid === pid);
    return `${pid} (${own.map(({ event, slot, at, reason, primary }) => `${event} in ${slot} of ${primary} at ${at} ${reason ?? ''}`).join('; ')})`;
  }

  /** Whether the process was told to leave after that time. */
  left(pid: number, at: number): boolean {
    return this.#events.some((each) => each.event === 'draining' && each.pid === pid && each.at >= at);
  }

  /** Whether a process that had clients was cut off between the two times. */
  someoneDied(from: number, to: number): boolean {
    return this.#events.some(({ event, reason, at }) => {
      return event === 'gone' && cutOff(reason) && at >= from - slackMs && at <= to + 1000;
    });
  }

  /** Whether the client, placed between the two times, could rightly be placed in `slot`. */
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

  /** A process of a primary that has handed over: what that had taken before is still placed as it knows its own processes. */
  #late(slot: number, pid: number, at: number): void {
    const handedOver = this.#handedOver(slot, pid, at);
    if (handedOver !== undefined && handedOver <= at) this.#trouble(slot, handedOver - 1, handedOver);
  }

  /** When another process served the slot, and no primary thought of this one any more. */
  #succeeded(slot: number, pid: number, at: number): number {
    const [mine, next] = this.#successionOf(slot, pid, at);
    if (!mine) return 0;
    return Math.max(next?.at ?? Number.POSITIVE_INFINITY, this.#handedOver(slot, pid, at) ?? 0);
  }

  /** When its primary handed over, where its slot's next process is another's. */
  #handedOver(slot: number, pid: number, at: number): number | undefined {
    const [mine, next] = this.#successionOf(slot, pid, at);
    if (!mine || !next || next.primary === mine.primary) return undefined;
    return this.#handovers.find((each) => each.pid === mine.primary)?.at;
  }

  /** That the process, of that time, served the slot, and that the next one did. */
  #successionOf(slot: number, pid: number, at: number): (SlotEvent | undefined)[] {
    const own = this.#events.filter((each) => each.event === 'ready' && each.slot === slot);
    const mine = own.findLastIndex((each) => each.pid === pid && each.at <= at);
    return mine < 0 ? [] : [own[mine], own[mine + 1]];
  }

  #calmed(slot: number, pid: number, since: number): number {
    const calm = this.#events.find(
      (each) => each.event === 'stalled' && each.pid === pid && each.reason === false && each.at >= since,
    );
    return Math.min(calm?.at ?? Number.POSITIVE_INFINITY, this.#succeeded(slot, pid, since));
  }
}

/** Whether a process that ended so may have left clients without an answer. */
export function cutOff(reason: string | boolean): boolean {
  return reason !== 'exited with code 0';
}
