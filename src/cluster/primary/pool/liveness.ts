import type { CheckedRouterOptions } from '../../../options.js';
import type { Occupant } from './worker-process.js';

/** Watches the workers' signs of life: who is stalled, who is late to be ready. */
export class Vigil {
  readonly #options: CheckedRouterOptions;
  readonly #occupants: () => Iterable<Occupant>;
  readonly #stalled: (occupant: Occupant, stalled: boolean) => void;
  readonly #everyMs: number;
  readonly #timer: NodeJS.Timeout;
  #turn: NodeJS.Immediate | undefined;
  #lookedAt: number = Date.now();

  constructor(
    options: CheckedRouterOptions,
    occupants: () => Iterable<Occupant>,
    stalled: (occupant: Occupant, stalled: boolean) => void,
  ) {
    this.#options = options;
    this.#occupants = occupants;
    this.#stalled = stalled;
    this.#everyMs = Math.min(1000, Math.max(10, Math.floor((options.stallTimeoutMs || 4000) / 4)));
    // Timers come before what was received: what the workers said up to now is read in this turn, and judged after it.
    this.#timer = setInterval(() => {
      this.#turn = setImmediate(() => this.#look());
    }, this.#everyMs);
    this.#timer.unref();
  }

  /** The process said something; `debugged` when a debugger may hold it from now on. */
  heard(occupant: Occupant, debugged: boolean): void {
    occupant.heardAt = debugged ? Number.POSITIVE_INFINITY : Date.now();
    if (occupant.stalled) this.#mark(occupant, false);
  }

  end(): void {
    clearInterval(this.#timer);
    clearImmediate(this.#turn);
  }

  #look(): void {
    const now = Date.now();
    // After a halt of the primary itself, what the workers said meanwhile is still unread: judge nobody by this round.
    const late = now - this.#lookedAt > 2 * this.#everyMs;
    this.#lookedAt = now;
    if (late) return;
    const { stallTimeoutMs, stallKillMs, readyTimeoutMs } = this.#options;
    for (const occupant of this.#occupants()) {
      const { state, since } = occupant.life;
      const silentMs = now - occupant.heardAt;
      if (state === 'ready' && stallTimeoutMs > 0 && silentMs > stallTimeoutMs) {
        if (!occupant.stalled) this.#mark(occupant, true);
        if (stallKillMs > 0 && silentMs > stallKillMs) occupant.kill(`stalled for ${silentMs} ms`, 'stalled');
      }
      if (state === 'starting' && readyTimeoutMs > 0 && now - since > readyTimeoutMs) {
        occupant.kill(`not ready within ${readyTimeoutMs} ms`, 'not ready');
      }
    }
  }

  #mark(occupant: Occupant, stalled: boolean): void {
    occupant.stalled = stalled;
    this.#stalled(occupant, stalled);
  }
}
