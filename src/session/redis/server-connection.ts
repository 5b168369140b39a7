import type { TrackingPeriod } from '../core/near-cache.js';
import { isStoreAway } from '../core/store-errors.js';
import { CommandConnection, type Repeat } from './command-connection.js';
import { InvalidationConnection } from './invalidation-connection.js';
import { type Command, type IoredisConnection, ownConnection } from './ioredis.js';

export interface ServerConnectionOptions {
  /** Opens one more connection to the same server, with these options. */
  readonly connect: (override: object) => IoredisConnection;
  /** Whether Redis shall track the keys that are read. */
  readonly track: boolean;
  /** Milliseconds for which an answered PING proves that every invalidation has arrived. */
  readonly staleMs: number;
  /** Returns a key of this server that no session uses and that the user may write; undefined when the server can have no such key. */
  readonly probeKey: (connection: ServerConnection) => string | undefined;
  readonly commandTimeoutMs: number;
  /** Another client changed the key `key` (with its prefix), or any key when undefined. */
  readonly onInvalidation: (key: string | undefined) => void;
  /** A tracking period has begun. Changes before it were not reported. */
  readonly onPeriod: () => void;
  /** `downReason`, `period` or `untrackedReason` may have changed. */
  readonly onState: (connection: ServerConnection) => void;
}

const heartbeatMs = 1000;

/** Redis's error for CLIENT TRACKING when the invalidation connection is with another server. */
const otherServer = /client ID you want redirect/i;

/**
 * The two connections to one Redis server: one for commands and, for the near cache, one that receives invalidations.
 *
 * The near cache trusts the rows of the current tracking period only. Any doubt about either connection ends the period. The next
 * period begins when both connections are up and a probe has shown that the server sends invalidations.
 */
export class ServerConnection {
  /** The current tracking period, if there is one. */
  period: TrackingPeriod | undefined;
  /** Why the server does not track keys; undefined during a period. */
  untrackedReason: string | undefined = 'not connected yet';

  readonly #options: ServerConnectionOptions;
  readonly #connection: IoredisConnection;
  readonly #commands: CommandConnection;
  readonly #invalidations: InvalidationConnection | undefined;
  readonly #heartbeat: NodeJS.Timeout;
  /** Generation counter. An attempt to begin a period is void if anything newer has happened to either connection. */
  #generation = 0;
  /** Heartbeats to wait after the next refusal: 1, 2, 4, … 64. */
  #beatsToWait = 1;
  #beatsUntilRetry = 0;
  #attempt: Promise<void> = Promise.resolve();

  constructor(options: ServerConnectionOptions) {
    this.#options = options;
    this.#connection = options.connect(ownConnection);
    this.#commands = new CommandConnection(this.#connection, {
      commandTimeoutMs: options.commandTimeoutMs,
      onUp: () => {
        options.onState(this);
        this.#beginPeriod();
      },
      onLoss: (reason) => this.#endPeriod(reason),
      onDown: () => options.onState(this),
    });
    if (options.track) {
      this.#invalidations = new InvalidationConnection(options.connect(ownConnection), {
        onReady: () => this.#beginPeriod(),
        onLost: (reason) => this.#endPeriod(reason),
        onInvalidation: options.onInvalidation,
      });
    } else this.untrackedReason = 'switched off by the option nearCache';
    this.#heartbeat = setInterval(() => void this.#beat(), heartbeatMs);
    this.#heartbeat.unref();
  }

  /** The current period, if all invalidations up to `staleMs` ago have arrived. Then the near cache may answer a read. */
  get trustedPeriod(): TrackingPeriod | undefined {
    const { period } = this;
    return period && this.#invalidations?.heardWithin(this.#options.staleMs) ? period : undefined;
  }

  /** Why no command can be sent; undefined while the server can be reached. */
  get downReason(): string | undefined {
    return this.#commands.downReason;
  }

  get closed(): boolean {
    return this.#commands.closed;
  }

  /** See {@link CommandConnection.exec}. */
  exec(commands: readonly Command[], endsAt: number, repeat: Repeat): Promise<unknown[]> {
    return this.#commands.exec(commands, endsAt, repeat);
  }

  /** Takes no more commands, and closes after `commandTimeoutMs`, when the commands in flight have ended. */
  retire(): void {
    this.#commands.lose('this server holds no sessions any more');
    clearInterval(this.#heartbeat);
    setTimeout(() => this.close(), this.#options.commandTimeoutMs).unref();
  }

  /** Closes both connections. Idempotent. */
  close(): void {
    if (this.closed) return;
    clearInterval(this.#heartbeat);
    this.#commands.close();
    this.#invalidations?.close();
  }

  #endPeriod(reason: string): void {
    this.#generation++;
    if (!this.#invalidations) return;
    this.period = undefined;
    this.untrackedReason = reason;
    this.#options.onState(this);
  }

  /** Attempts run one after another: the commands of an older attempt must not reach the server after those of a newer one. */
  #beginPeriod(): void {
    const generation = ++this.#generation;
    this.period = undefined;
    this.#attempt = this.#attempt.then(() => this.#tryToTrack(generation));
  }

  async #tryToTrack(generation: number): Promise<void> {
    if (generation !== this.#generation || this.downReason !== undefined || !this.#invalidations) return;
    try {
      const endsAt = performance.now() + this.#options.commandTimeoutMs;
      await this.#invalidations.track(this.#connection, this.#options.probeKey(this), endsAt);
      if (generation !== this.#generation) return;
      this.period = {};
      this.untrackedReason = undefined;
      this.#beatsToWait = 1;
      this.#options.onPeriod();
    } catch (error) {
      if (generation !== this.#generation) return;
      this.untrackedReason = (error as Error).message;
      this.#beatsUntilRetry = this.#beatsToWait;
      this.#beatsToWait = Math.min(64, this.#beatsToWait * 2);
    }
    this.#options.onState(this);
  }

  /** A TCP connection can break without a FIN or RST. Ask on both connections, and open one that does not answer again. */
  async #beat(): Promise<void> {
    const endsAt = performance.now() + heartbeatMs;
    if (this.downReason === undefined && this.#invalidations) {
      // GET, not PING: a node of a Cluster answers PING even when it has lost its hash slots or the other nodes.
      const key = this.#options.probeKey(this);
      await this.exec([key === undefined ? ['ping'] : ['get', key]], endsAt, 'once').catch((error) => {
        if (!isStoreAway(error)) this.#commands.reconnect((error as Error).message);
      });
    }
    await this.#invalidations?.beat(endsAt);
    if (this.period || this.#beatsUntilRetry === 0 || --this.#beatsUntilRetry > 0) return;
    // After a failover, the two connections may be with different servers. Open both again, because either may be with the wrong one.
    if (otherServer.test(this.untrackedReason ?? '')) this.#commands.reconnect(this.untrackedReason ?? '');
    this.#invalidations?.reconnect();
  }
}
