import { isStoreAway, storeAway } from '../core/backend.js';
import { before, Late } from '../core/deadline.js';
import type { TrackingPeriod } from '../core/near-cache.js';
import { PushConnection } from './invalidation-connection.js';
import { ownConnection, type RedisConnection, renew, send, type Words } from './ioredis.js';

export interface LinkOptions {
  /** Makes one more connection to the same server. */
  readonly connect: (override: object) => RedisConnection;
  readonly track: boolean;
  /** How old, in milliseconds, the proof may be that nothing is left to be heard. */
  readonly staleMs: number;
  /** A key on this server that no session has and the user may write; undefined: none of the keys can be here. */
  readonly probeKey: (link: RedisLink) => string | undefined;
  readonly commandTimeoutMs: number;
  /** A whole key that changed elsewhere; undefined: all of them. */
  readonly onInvalidation: (key: string | undefined) => void;
  /** A period began; what happened before it has not been told. */
  readonly onPeriod: () => void;
  readonly onState: (link: RedisLink) => void;
}

/** What a command may do when its connection breaks before the answer: run once more, or be reported. */
export type Repeat = 'repeatable' | 'once';

const heartbeatMs = 1000;

/** What a server says that does not know the connection for invalidations. */
const otherServer = /client ID you want redirect/i;

/** Answers of a server that is not, or no longer, the one to ask; the connection is made anew. */
const wrongServer = /^(READONLY|MASTERDOWN|LOADING)\b/;

/**
 * The way to one Redis server: a connection for commands and, for the near cache, a second one that receives what
 * the server invalidates. `period` stands for the trust in the near cache: it is taken away at the first doubt about
 * either connection, and a new one begins only when both are up and tracking has been seen to work.
 */
export class RedisLink {
  /** The current tracking period, while there is one. */
  period: TrackingPeriod | undefined;
  /** Why there is no tracking; undefined while there is. */
  periodReason: string | undefined = 'not connected yet';
  /** Why commands can't be sent; undefined while they can. */
  downReason: string | undefined = 'not connected yet';

  readonly #options: LinkOptions;
  readonly #commands: RedisConnection;
  readonly #pushes: PushConnection | undefined;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #waiting = new Set<() => void>();
  #downSince = performance.now();
  /** Counts what speaks for or against a period; an attempt to begin one holds only while it is the latest. */
  #arming = 0;
  /** After a refusal, a period is tried again later and later. */
  #beatsToRetry = 1;
  #beatsLeft = 0;
  #attempt: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#commands = options.connect(ownConnection);
    let lastError: string | undefined;
    this.#commands.on('error', ({ message }: Error) => {
      lastError = message;
    });
    this.#commands.on('ready', () => {
      lastError = undefined;
      this.#commandsReady();
    });
    this.#commands.on('close', () => this.#commandsLost(lastError ?? 'the connection to Redis closed'));
    if (options.track) {
      this.#pushes = new PushConnection(options.connect(ownConnection), {
        onReady: () => this.#beginPeriod(),
        onLost: (reason) => this.#endPeriod(reason),
        onInvalidation: options.onInvalidation,
      });
    } else this.periodReason = 'switched off by the option nearCache';
    this.#heartbeat = setInterval(() => void this.#beat(), heartbeatMs);
    this.#heartbeat.unref();
  }

  /** The current period, if a row that was cached in it may be given out now. */
  get trusted(): TrackingPeriod | undefined {
    return this.period && this.#pushes?.heardWithin(this.#options.staleMs) ? this.period : undefined;
  }

  /**
   * Sends `commands` in one write and gives their answers. Waits for a connection that is coming back, up to
   * `endsAt` (performance.now() milliseconds), except when it has been away for longer than a command may take.
   * Rejects with ERR_LIMPET_STORE, `facts.away`, when no answer came (`facts.sent` is false when the commands were
   * never sent); with Redis's own error when it refused.
   */
  async exec(commands: readonly Words[], endsAt: number, repeat: Repeat): Promise<unknown[]> {
    for (;;) {
      if (this.downReason !== undefined) await this.#backUp(endsAt);
      try {
        return await before(endsAt, send(this.#commands, commands));
      } catch (error) {
        if (error instanceof Late) {
          // The server may still run the command, as this connection's own, and then tell us nothing of it.
          this.doubt('Redis did not answer in time');
          throw storeAway(`Redis did not answer within ${this.#options.commandTimeoutMs} ms`, {
            commandTimeoutMs: this.#options.commandTimeoutMs,
          });
        }
        if (isServerAnswer(error)) {
          if (!wrongServer.test(error.message)) throw error;
          this.doubt(error.message);
          if (repeat === 'once') throw storeAway(`Redis answered: ${error.message}`, {}, error);
        } else if (repeat === 'once') {
          throw storeAway('The connection to Redis broke before the answer', {}, error);
        } else if (this.downReason === undefined) this.doubt('the connection is not writable');
      }
    }
  }

  /** Nothing is certain any more: ends the period and makes the command connection anew. */
  doubt(reason: string): void {
    if (this.#closed) return;
    this.#commandsLost(reason);
    renew(this.#commands);
  }

  /** Takes no more commands, lets those under way have their time, then closes. */
  retire(): void {
    this.#commandsLost('this server holds no sessions any more');
    clearInterval(this.#heartbeat);
    setTimeout(() => this.close(), this.#options.commandTimeoutMs).unref();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#heartbeat);
    this.#commandsLost('closed');
    this.#commands.disconnect();
    this.#pushes?.close();
  }

  get closed(): boolean {
    return this.#closed;
  }

  #commandsReady(): void {
    if (this.#closed) return;
    this.downReason = undefined;
    for (const resume of [...this.#waiting]) resume();
    this.#options.onState(this);
    this.#beginPeriod();
  }

  #commandsLost(reason: string): void {
    this.#endPeriod(reason);
    if (this.downReason === undefined) this.#downSince = performance.now();
    this.downReason = reason;
    if (this.#closed) for (const resume of [...this.#waiting]) resume();
    this.#options.onState(this);
  }

  async #backUp(endsAt: number): Promise<void> {
    const awayMs = performance.now() - this.#downSince;
    const away = (): Error =>
      storeAway(`Redis is away: ${this.downReason}`, {
        reason: this.downReason,
        awayMs: Math.round(awayMs),
        sent: false,
      });
    if (this.#closed || awayMs > this.#options.commandTimeoutMs) throw away();
    let resume = (): void => undefined;
    const back = new Promise<void>((resolve) => {
      resume = resolve;
    });
    this.#waiting.add(resume);
    try {
      await before(endsAt, back);
    } catch {
      throw away();
    } finally {
      this.#waiting.delete(resume);
    }
    if (this.#closed) throw away();
  }

  #endPeriod(reason: string): void {
    this.#arming++;
    if (!this.#pushes) return;
    this.period = undefined;
    this.periodReason = reason;
    this.#options.onState(this);
  }

  /** One attempt at a time, the latest last: what an older one still sends must not outlast it on the server. */
  #beginPeriod(): void {
    const attempt = ++this.#arming;
    this.period = undefined;
    this.#attempt = this.#attempt.then(() => this.#tryPeriod(attempt));
  }

  async #tryPeriod(attempt: number): Promise<void> {
    if (attempt !== this.#arming || this.downReason !== undefined || !this.#pushes) return;
    try {
      const endsAt = performance.now() + this.#options.commandTimeoutMs;
      await this.#pushes.track(this.#commands, this.#options.probeKey(this), endsAt);
      if (attempt !== this.#arming) return;
      this.period = {};
      this.periodReason = undefined;
      this.#beatsToRetry = 1;
      this.#options.onPeriod();
    } catch (error) {
      if (attempt !== this.#arming) return;
      this.periodReason = (error as Error).message;
      this.#beatsLeft = this.#beatsToRetry;
      this.#beatsToRetry = Math.min(64, this.#beatsToRetry * 2);
    }
    this.#options.onState(this);
  }

  /** A connection may die without a word, and its tracking with it: what is not heard from is not trusted. */
  async #beat(): Promise<void> {
    const endsAt = performance.now() + heartbeatMs;
    if (this.downReason === undefined && this.#pushes) {
      // A key, not PING: a node of a Cluster that lost its slots, or its fellows, still answers PING.
      const key = this.#options.probeKey(this);
      await this.exec([key === undefined ? ['ping'] : ['get', key]], endsAt, 'once').catch((error) => {
        if (!isStoreAway(error)) this.doubt((error as Error).message);
      });
    }
    await this.#pushes?.beat(endsAt);
    if (this.period || this.#beatsLeft === 0 || --this.#beatsLeft > 0) return;
    // After a failover the two connections may be with different servers, and either of them with the wrong one.
    if (otherServer.test(this.periodReason ?? '')) this.doubt(this.periodReason ?? '');
    this.#pushes?.reconnect();
  }
}

/** Whether the server said so, as against a connection that could not ask it. */
export function isServerAnswer(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}
