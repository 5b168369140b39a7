import type { Entrance } from '../../connection.js';
import type { WorkerHandoff } from '../contract.js';
import type { Intake } from '../worker-inbox.js';

/** Takes what comes through the slot's channel. */
export class FdWorker implements WorkerHandoff {
  readonly #intake: Intake;
  readonly #listener: number;
  readonly #entrance: Entrance;

  constructor(intake: Intake, listener: number, entrance: Entrance) {
    this.#intake = intake;
    this.#listener = listener;
    this.#entrance = entrance;
    this.resume();
  }

  received(): void {}

  stop(done: () => void): void {
    this.#intake.close(this.#listener);
    done();
  }

  resume(): void {
    this.#intake.open(this.#listener, this.#entrance);
  }
}
