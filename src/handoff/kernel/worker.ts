import type { Entrance, RawHandle } from '../../connection.js';
import type { HandoffMessage, WorkerHandoff } from '../contract.js';
import type { Intake } from '../worker-inbox.js';

/** Accepts from its slot's listening socket; the messages are in kernel-primary.ts. */
export class KernelWorker implements WorkerHandoff {
  readonly #intake: Intake;
  readonly #listener: number;
  readonly #entrance: Entrance;
  readonly #send: (message: HandoffMessage) => void;
  #stopped = true;

  constructor(intake: Intake, listener: number, entrance: Entrance, send: (message: HandoffMessage) => void) {
    this.#intake = intake;
    this.#listener = listener;
    this.#entrance = entrance;
    this.#send = send;
    this.resume();
  }

  received(message: HandoffMessage, handle?: RawHandle): void {
    if (message.accept && handle) {
      if (!this.#stopped) this.#intake.accept(this.#listener, handle.fd);
      handle.close();
    } else if (message.pause) {
      this.#intake.stopAccepting(this.#listener);
    } else if (message.close) {
      this.#intake.stopAccepting(this.#listener, true);
      this.#send({ closed: true });
    }
  }

  stop(done: () => void): void {
    this.#stopped = true;
    this.#intake.close(this.#listener);
    done();
  }

  resume(): void {
    this.#stopped = false;
    this.#intake.open(this.#listener, this.#entrance);
  }
}
