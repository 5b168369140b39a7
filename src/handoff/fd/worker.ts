import type { ConnectionSink } from '../../connection.js';
import type { WorkerHandoff } from '../contract.js';
import type { WorkerInbox } from '../worker-inbox.js';

/** The worker half of fd, and of direct ports: takes the connections that come through the slot's channel. */
export class FdWorker implements WorkerHandoff {
  readonly #inbox: WorkerInbox;
  readonly #listener: number;
  readonly #sink: ConnectionSink;

  constructor(inbox: WorkerInbox, listener: number, sink: ConnectionSink) {
    this.#inbox = inbox;
    this.#listener = listener;
    this.#sink = sink;
    this.resume();
  }

  received(): void {}

  stop(done: () => void): void {
    this.#inbox.close(this.#listener);
    done();
  }

  resume(): void {
    this.#inbox.open(this.#listener, this.#sink);
  }
}
