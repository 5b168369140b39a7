import type { LimpetError } from '../../errors.js';

export type RouterPhase = 'starting' | 'serving' | 'closing' | 'closed';

/** Where a router is in its life: starting ──► serving ──► closing ──► closed. One that never serves closes too. */
export class RouterState {
  readonly startedAt: number = Date.now();
  state: RouterPhase = 'starting';
  #resolve: () => void = () => {};
  #reject: (error: LimpetError) => void = () => {};
  /** Resolves when the first process serves. */
  readonly started: Promise<void> = new Promise((resolve, reject) => {
    this.#resolve = resolve;
    this.#reject = reject;
  });

  constructor() {
    // It may be rejected before anybody looks at it.
    this.started.catch(() => {});
  }

  /** Whether it closes or has closed. */
  get ends(): boolean {
    return this.state === 'closing' || this.state === 'closed';
  }

  serves(): void {
    this.state = 'serving';
    this.#resolve();
  }

  /** It will never serve, unless it did before. */
  failed(error: LimpetError): void {
    this.#reject(error);
  }
}
