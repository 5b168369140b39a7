import { awaitUntil, Late } from '../core/deadline.js';
import { storeAway } from '../core/store-errors.js';
import { type Command, type IoredisConnection, isServerAnswer, reconnect, send } from './ioredis.js';

/** A command whose connection breaks before the answer is sent again ('repeatable'), or rejected ('once'). */
export type Repeat = 'repeatable' | 'once';

export interface CommandConnectionOptions {
  readonly commandTimeoutMs: number;
  /** The connection is up. */
  readonly onUp: () => void;
  /** The connection is lost. Called before `downReason` is set. */
  readonly onLoss: (reason: string) => void;
  /** `downReason` is set. */
  readonly onDown: () => void;
}

/** Errors of a server that is not, or no longer, the master. The connection is opened again, perhaps to another server. */
const wrongServer = /^(READONLY|MASTERDOWN|LOADING)\b/;

/** The connection that carries the commands to one Redis server. */
export class CommandConnection {
  /** Why no command can be sent; undefined while the connection is up. */
  downReason: string | undefined = 'not connected yet';

  readonly #connection: IoredisConnection;
  readonly #options: CommandConnectionOptions;
  readonly #waiting = new Set<() => void>();
  #downSince = performance.now();
  #closed = false;

  constructor(connection: IoredisConnection, options: CommandConnectionOptions) {
    this.#connection = connection;
    this.#options = options;
    let lastError: string | undefined;
    connection.on('error', ({ message }: Error) => {
      lastError = message;
    });
    connection.on('ready', () => {
      lastError = undefined;
      this.#ready();
    });
    connection.on('close', () => this.lose(lastError ?? 'the connection to Redis closed'));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Sends `commands` in one write and resolves with their answers. `endsAt` is in milliseconds of performance.now().
   *
   * A command waits until `endsAt` for a connection that is down. It does not wait if the connection has been down for longer than
   * `commandTimeoutMs`. Rejects with ERR_LIMPET_STORE and `facts.away` when there was no answer; `facts.sent` is false when the
   * commands were never sent. Rejects with Redis's own error when Redis refused.
   */
  async exec(commands: readonly Command[], endsAt: number, repeat: Repeat): Promise<unknown[]> {
    const { commandTimeoutMs } = this.#options;
    for (;;) {
      if (this.downReason !== undefined) await this.#untilUp(endsAt);
      try {
        return await awaitUntil(endsAt, send(this.#connection, commands));
      } catch (error) {
        if (error instanceof Late) {
          // The server may still run the command. With NOLOOP it sends no invalidation for a write of the same connection.
          this.reconnect('Redis did not answer in time');
          throw storeAway(`Redis did not answer within ${commandTimeoutMs} ms`, { commandTimeoutMs });
        }
        if (isServerAnswer(error)) {
          if (!wrongServer.test(error.message)) throw error;
          this.reconnect(error.message);
          if (repeat === 'once') throw storeAway(`Redis answered: ${error.message}`, {}, error);
        } else if (repeat === 'once') {
          throw storeAway('The connection to Redis broke before the answer', {}, error);
        } else if (this.downReason === undefined) this.reconnect('the connection is not writable');
      }
    }
  }

  /** Sets the connection as down and opens it again. */
  reconnect(reason: string): void {
    if (this.#closed) return;
    this.lose(reason);
    reconnect(this.#connection);
  }

  /** Sets the connection as down: commands wait. Commands in flight still get their answers. */
  lose(reason: string): void {
    this.#options.onLoss(reason);
    if (this.downReason === undefined) this.#downSince = performance.now();
    this.downReason = reason;
    if (this.#closed) this.#resumeAll();
    this.#options.onDown();
  }

  /** Closes the connection. Commands that wait are rejected. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.lose('closed');
    this.#connection.disconnect();
  }

  #ready(): void {
    if (this.#closed) return;
    this.downReason = undefined;
    this.#resumeAll();
    this.#options.onUp();
  }

  #resumeAll(): void {
    for (const resume of [...this.#waiting]) resume();
  }

  /** Resolves when the connection is up, rejects at `endsAt`. */
  async #untilUp(endsAt: number): Promise<void> {
    const awayMs = performance.now() - this.#downSince;
    const away = (): Error =>
      storeAway(`Redis is away: ${this.downReason}`, {
        reason: this.downReason,
        awayMs: Math.round(awayMs),
        sent: false,
      });
    if (this.#closed || awayMs > this.#options.commandTimeoutMs) throw away();
    let resume = (): void => undefined;
    const up = new Promise<void>((resolve) => {
      resume = resolve;
    });
    this.#waiting.add(resume);
    try {
      await awaitUntil(endsAt, up);
    } catch {
      throw away();
    } finally {
      this.#waiting.delete(resume);
    }
    if (this.#closed) throw away();
  }
}
