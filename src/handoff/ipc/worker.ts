import type { ConnectionSink, RawHandle } from '../../connection.js';
import type { HandoffMessage, WorkerHandoff } from '../contract.js';
import { type Delivery, sharedClockMs, type ToPrimary, type ToWorker } from './protocol.js';

/** A sink that calls `onClosed` each time that one of its connections closes. */
interface CountedSink extends ConnectionSink {
  onClosed: (() => void) | undefined;
}

export interface IpcWorkerSettings {
  /**
   * When a worker has been silent for this long, the primary passes on the connections that it had not taken; 0: never. So the worker
   * asks before it serves an old connection: one that was sent more than half this time ago. It also asks for connections that came
   * while it was halted, if the halt was longer than half this time. The primary may have passed such connections on already.
   */
  readonly stallTimeoutMs: number;
  /** Whether the primary counts the open connections of its workers. */
  readonly loadCounts: boolean;
}

/** From the first closed connection to the message that counts all that have closed since. */
const reportClosedAfterMs = 10;

type Connection = Parameters<ConnectionSink['takeHandle']>;

/** The worker half of ipc; `protocol.ts` describes the messages. */
export class IpcWorker implements WorkerHandoff {
  readonly #sink: ConnectionSink;
  readonly #send: (message: HandoffMessage) => void;
  readonly #askAfterMs: number;
  /** Connections for which the primary has been asked, by their numbers. */
  readonly #unconfirmed: Map<number, Connection> = new Map();
  #aliveAt: number = sharedClockMs();
  /** The end of the last halt. A connection that was sent before may have been passed on. */
  #wokeAt = 0;
  #stopped = false;
  #unreportedClosed = 0;

  constructor(sink: CountedSink, send: (message: HandoffMessage) => void, settings: IpcWorkerSettings) {
    const { stallTimeoutMs, loadCounts } = settings;
    this.#sink = sink;
    this.#send = send;
    if (loadCounts) sink.onClosed = () => this.#countClosed();
    this.#askAfterMs = stallTimeoutMs === 0 ? Number.POSITIVE_INFINITY : stallTimeoutMs / 2;
    if (stallTimeoutMs > 0) setInterval(() => this.#noteAlive(), stallTimeoutMs / 8).unref();
  }

  received(message: HandoffMessage, handle?: RawHandle): void {
    if (handle) {
      const { seq, at, client, read } = message as Delivery;
      this.#receive(seq, at, [handle, client, read === undefined ? undefined : Buffer.from(read, 'base64')]);
      return;
    }
    const { take, drop, probe } = message as ToWorker;
    if (take !== undefined) this.#settle(take, true);
    else if (drop !== undefined) this.#settle(drop, false);
    else if (probe !== undefined) this.#tell({ reached: probe });
  }

  stop(done: () => void): void {
    this.#stopped = true;
    done();
  }

  resume(): void {
    this.#stopped = false;
  }

  #receive(seq: number, at: number, connection: Connection): void {
    if (this.#stopped) {
      connection[0].close();
      this.#tell({ returned: seq });
    } else if (this.#noteAlive() - at > this.#askAfterMs || at < this.#wokeAt) {
      this.#unconfirmed.set(seq, connection);
      this.#tell({ mayTake: seq });
    } else {
      this.#tell({ took: seq });
      this.#sink.takeHandle(...connection);
    }
  }

  /** Returns the time, and notes the end of a halt: the process did not run for more than half of `stallTimeoutMs`. */
  #noteAlive(): number {
    const now = sharedClockMs();
    if (now - this.#aliveAt > this.#askAfterMs) this.#wokeAt = now;
    this.#aliveAt = now;
    return now;
  }

  #countClosed(): void {
    this.#unreportedClosed += 1;
    if (this.#unreportedClosed > 1) return;
    setTimeout(() => {
      this.#tell({ closed: this.#unreportedClosed });
      this.#unreportedClosed = 0;
    }, reportClosedAfterMs).unref();
  }

  #settle(seq: number, mine: boolean): void {
    const connection = this.#unconfirmed.get(seq);
    this.#unconfirmed.delete(seq);
    if (!connection) return;
    if (mine) this.#sink.takeHandle(...connection);
    else connection[0].close();
  }

  #tell(message: ToPrimary): void {
    this.#send(message);
  }
}
