import type { ConnectionSink, ProxiedClient, RawHandle } from '../../connection.js';
import type { HandoffMessage, WorkerHandoff } from '../contract.js';
import { sharedClockMs } from './protocol.js';

/** An sink that tells of each connection that it was given when it is closed. */
interface CountedSink extends ConnectionSink {
  onClosed: (() => void) | undefined;
}

export interface IpcWorkerSettings {
  /**
   * After such a silence (0: never) the primary passes on what was not taken. So the worker asks before it uses what is half as old, or
   * what came while it was itself halted for half as long: the primary may have taken it for stalled, and not know better yet.
   */
  readonly stallTimeoutMs: number;
  /** Whether the primary must know how many connections are open. */
  readonly loadCounts: boolean;
}

/** How often the primary hears of closed connections: once for all that close meanwhile. */
const tellClosedMs = 10;

type Taken = Parameters<ConnectionSink['takeHandle']>;

/** The worker half of ipc; the protocol is told in `ipc-primary.ts`. */
export class IpcWorker implements WorkerHandoff {
  readonly #sink: ConnectionSink;
  readonly #send: (message: HandoffMessage) => void;
  readonly #claimAfterMs: number;
  readonly #unconfirmed: Map<number, Taken> = new Map();
  #aliveAt: number = sharedClockMs();
  /** What was sent before may be another's. */
  #wokeAt = 0;
  #stopped = false;
  #closedUntold = 0;

  constructor(sink: CountedSink, send: (message: HandoffMessage) => void, settings: IpcWorkerSettings) {
    const { stallTimeoutMs, loadCounts } = settings;
    this.#sink = sink;
    this.#send = send;
    if (loadCounts) sink.onClosed = () => this.#closed();
    this.#claimAfterMs = stallTimeoutMs === 0 ? Number.POSITIVE_INFINITY : stallTimeoutMs / 2;
    if (stallTimeoutMs > 0) setInterval(() => this.#alive(), stallTimeoutMs / 8).unref();
  }

  received(message: HandoffMessage, handle?: RawHandle): void {
    if (typeof message.seq === 'number' && handle) {
      const read = typeof message.read === 'string' ? Buffer.from(message.read, 'base64') : undefined;
      this.#take(message.seq, message.at as number, [
        handle,
        message.client as ProxiedClient | undefined,
        read,
      ]);
    } else if (typeof message.yours === 'number') this.#settle(message.yours, true);
    else if (typeof message.gone === 'number') this.#settle(message.gone, false);
    else if (typeof message.probe === 'number') this.#send({ passed: message.probe });
  }

  stop(done: () => void): void {
    this.#stopped = true;
    done();
  }

  resume(): void {
    this.#stopped = false;
  }

  #take(seq: number, at: number, taken: Taken): void {
    if (this.#stopped) {
      taken[0].close();
      this.#send({ back: seq });
    } else if (this.#alive() - at > this.#claimAfterMs || at < this.#wokeAt) {
      this.#unconfirmed.set(seq, taken);
      this.#send({ claim: seq });
    } else {
      this.#send({ took: seq });
      this.#sink.takeHandle(...taken);
    }
  }

  /** Now; notes whether this process was halted till then. */
  #alive(): number {
    const now = sharedClockMs();
    if (now - this.#aliveAt > this.#claimAfterMs) this.#wokeAt = now;
    this.#aliveAt = now;
    return now;
  }

  #closed(): void {
    this.#closedUntold += 1;
    if (this.#closedUntold > 1) return;
    setTimeout(() => {
      this.#send({ closed: this.#closedUntold });
      this.#closedUntold = 0;
    }, tellClosedMs).unref();
  }

  #settle(seq: number, yours: boolean): void {
    const taken = this.#unconfirmed.get(seq);
    this.#unconfirmed.delete(seq);
    if (!taken) return;
    if (yours) this.#sink.takeHandle(...taken);
    else taken[0].close();
  }
}
