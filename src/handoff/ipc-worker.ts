import type { Entrance, RawHandle } from '../connection.js';
import type { HandoffMessage, WorkerHandoff } from './contract.js';
import { sharedClockMs } from './shared-clock.js';

/** The worker half of ipc; the protocol is told in `ipc-primary.ts`. */
export class IpcWorker implements WorkerHandoff {
  readonly #entrance: Entrance;
  readonly #send: (message: HandoffMessage) => void;
  readonly #claimAfterMs: number;
  readonly #claims: Map<number, RawHandle> = new Map();
  #stopped = false;

  /** After `stallTimeoutMs` (0: never) the primary passes on what was not taken: from half of that on, the worker asks before use. */
  constructor(entrance: Entrance, send: (message: HandoffMessage) => void, stallTimeoutMs: number) {
    this.#entrance = entrance;
    this.#send = send;
    this.#claimAfterMs = stallTimeoutMs === 0 ? Number.POSITIVE_INFINITY : stallTimeoutMs / 2;
  }

  received(message: HandoffMessage, handle?: RawHandle): void {
    if (typeof message.seq === 'number' && handle) this.#take(message.seq, message.at as number, handle);
    else if (typeof message.yours === 'number') this.#settle(message.yours, true);
    else if (typeof message.gone === 'number') this.#settle(message.gone, false);
    else if (typeof message.probe === 'number') this.#send({ passed: message.probe });
  }

  stop(done: () => void): void {
    this.#stopped = true;
    done();
  }

  #take(seq: number, at: number, handle: RawHandle): void {
    if (this.#stopped) {
      handle.close();
      this.#send({ back: seq });
    } else if (sharedClockMs() - at > this.#claimAfterMs) {
      this.#claims.set(seq, handle);
      this.#send({ claim: seq });
    } else {
      this.#send({ took: seq });
      this.#entrance.handle(handle);
    }
  }

  #settle(seq: number, yours: boolean): void {
    const handle = this.#claims.get(seq);
    this.#claims.delete(seq);
    if (!handle) return;
    if (yours) this.#entrance.handle(handle);
    else handle.close();
  }
}
