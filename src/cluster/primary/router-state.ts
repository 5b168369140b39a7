import type { LimpetError } from '../../errors.js';

export type RouterPhase = 'starting' | 'serving' | 'closing' | 'closed';

/** The phase of a router: starting ──► serving ──► closing ──► closed. A router that never serves goes from starting to closing. */
export class RouterState {
  readonly startedAt: number = Date.now();
  /** Change it with {@link enter}. */
  phase: RouterPhase = 'starting';
  #resolve: () => void = () => {};
  #reject: (error: LimpetError) => void = () => {};
  /** Resolves when the first worker serves. Rejects if the router closes before that. */
  readonly started: Promise<void> = new Promise((resolve, reject) => {
    this.#resolve = resolve;
    this.#reject = reject;
  });

  constructor() {
    // Without a handler, a rejection before the app calls start() would end the process.
    this.started.catch(() => {});
  }

  /** True from the call of close() on. */
  get isClosing(): boolean {
    return this.phase === 'closing' || this.phase === 'closed';
  }

  /** Enters the phase. `serving` resolves {@link started}. */
  enter(phase: RouterPhase): void {
    this.phase = phase;
    if (phase === 'serving') this.#resolve();
  }

  /** Rejects {@link started}. No-op if the router has served. */
  failStart(error: LimpetError): void {
    this.#reject(error);
  }
}
