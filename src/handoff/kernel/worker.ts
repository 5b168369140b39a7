import type { ConnectionSink, RawHandle } from '../../connection.js';
import type { HandoffMessage, WorkerHandoff } from '../contract.js';
import type { WorkerInbox } from '../worker-inbox.js';

/** The worker half of kernel: accepts from its slot's listening socket. `primary.ts` describes the messages. */
export class KernelWorker implements WorkerHandoff {
  readonly #inbox: WorkerInbox;
  readonly #listener: number;
  readonly #sink: ConnectionSink;
  readonly #send: (message: HandoffMessage) => void;
  #stopped = true;

  constructor(
    inbox: WorkerInbox,
    listener: number,
    sink: ConnectionSink,
    send: (message: HandoffMessage) => void,
  ) {
    this.#inbox = inbox;
    this.#listener = listener;
    this.#sink = sink;
    this.#send = send;
    this.resume();
  }

  received(message: HandoffMessage, handle?: RawHandle): void {
    if (message.accept && handle) {
      if (!this.#stopped) this.#inbox.accept(this.#listener, handle.fd);
      handle.close();
    } else if (message.pause) {
      this.#inbox.stopAccepting(this.#listener);
    } else if (message.close) {
      this.#inbox.stopAccepting(this.#listener, true);
      this.#send({ closed: true });
    }
  }

  stop(done: () => void): void {
    this.#stopped = true;
    this.#inbox.close(this.#listener);
    done();
  }

  resume(): void {
    this.#stopped = false;
    this.#inbox.open(this.#listener, this.#sink);
  }
}
