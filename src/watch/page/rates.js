/** Calculates rates from two successive statuses, and keeps them for two minutes. */

const keptRates = 120;

export class Rates {
  #before;
  #history = [];

  /** Returns the new connections per second: the sum, and by slot. */
  take(status) {
    const before = this.#before;
    this.#before = status;
    const sameRouter = before && before.pid === status.pid && before.uptimeMs < status.uptimeMs;
    if (!sameRouter) {
      this.#history = [];
      return { all: 0, bySlot: new Map() };
    }
    const seconds = (status.uptimeMs - before.uptimeMs) / 1000;
    const earlier = new Map(before.slots.map(({ slot, accepted }) => [slot, accepted]));
    const bySlot = new Map(
      status.slots.map(({ slot, accepted }) => [
        slot,
        Math.max(0, accepted - (earlier.get(slot) ?? 0)) / seconds,
      ]),
    );
    const all = [...bySlot.values()].reduce((sum, rate) => sum + rate, 0);
    this.#history = [...this.#history, all].slice(-keptRates);
    return { all, bySlot };
  }

  /** The rates as points of an SVG polyline, 119 wide and 40 high. The newest is at the right. */
  points() {
    const most = Math.max(1, ...this.#history);
    const first = keptRates - this.#history.length;
    return this.#history.map((rate, at) => `${first + at},${(39 - (rate / most) * 38).toFixed(1)}`).join(' ');
  }

  /** The highest rate of the last two minutes. */
  get most() {
    return Math.max(0, ...this.#history);
  }
}
