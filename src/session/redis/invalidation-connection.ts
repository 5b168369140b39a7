import { awaitUntil, Late } from '../core/deadline.js';
import { type Command, type IoredisConnection, reconnect, send } from './ioredis.js';

/** The Pub/Sub channel on which Redis sends invalidations to a RESP2 connection. */
const channel = '__redis__:invalidate';

const tracking = (...words: Command): Command => ['client', 'tracking', ...words];

export interface InvalidationListener {
  /** The connection is subscribed. */
  onReady(): void;
  onLost(reason: string): void;
  /** A complete key, or undefined for all keys (FLUSHALL, FLUSHDB). */
  onInvalidation(key: string | undefined): void;
}

/** Pause in milliseconds between two PINGs, while reads ask for `heardWithin`. */
const pingEveryMs = 10;
/** The PINGs stop after this many pauses without a read, so that an idle process sleeps. */
const idlePausesMax = 200;

/** The connection on which a Redis server sends the invalidations of the keys that another connection has read. */
export class InvalidationConnection {
  readonly #connection: IoredisConnection;
  readonly #listener: InvalidationListener;
  /** The server's CLIENT ID of this connection, while it is subscribed. */
  #id: number | undefined;
  #probe: { key: string; seen: () => void } | undefined;
  #lossReason = 'the connection for invalidations is not up';
  /** All invalidations that the server wrote before this time (performance.now() milliseconds) have arrived. */
  #heardUpTo = Number.NEGATIVE_INFINITY;
  #pinger: NodeJS.Timeout | undefined;
  #pingInFlight = false;
  #wasAsked = false;
  #idlePauses = 0;

  constructor(connection: IoredisConnection, listener: InvalidationListener) {
    this.#connection = connection;
    this.#listener = listener;
    connection.on('error', () => undefined);
    connection.on('ready', () => void this.#subscribe());
    connection.on('close', () => this.#lost('the connection for invalidations closed'));
    connection.on('messageBuffer', (_channel: Buffer, keys: Buffer[] | null) => this.#received(keys));
  }

  /**
   * Whether all invalidations up to `staleMs` ago have arrived. Returns false for the first call after an idle time.
   *
   * Redis answers a PING after it has written all earlier invalidations. So the send time of the last answered PING is proof, even if
   * the process, the server or the network was held up since.
   */
  heardWithin(staleMs: number): boolean {
    this.#wasAsked = true;
    if (!this.#pinger) this.#startPings();
    return performance.now() - this.#heardUpTo < staleMs;
  }

  /**
   * Makes the server send an invalidation here when another client changes a key that `commands` has read. Rejects with the reason.
   *
   * A probe comes first: proxies and managed services may accept CLIENT TRACKING and never send a message. Without a `probeKey` there
   * is no probe.
   */
  async track(commands: IoredisConnection, probeKey: string | undefined, endsAt: number): Promise<void> {
    const id = this.#id;
    if (id === undefined) throw new Error(this.#lossReason);
    try {
      if (probeKey !== undefined) await this.#sendProbe(commands, id, probeKey, endsAt);
      await awaitUntil(endsAt, send(commands, [tracking('off'), tracking('on', 'redirect', id, 'noloop')]));
    } catch (error) {
      throw error instanceof Late ? new Error('this Redis did not answer CLIENT TRACKING in time') : error;
    }
    if (this.#id !== id) throw new Error(this.#lossReason);
  }

  /** Reads and changes `key` on the tracked connection, without NOLOOP, and waits for the invalidation. */
  async #sendProbe(commands: IoredisConnection, id: number, key: string, endsAt: number): Promise<void> {
    const seen = new Promise<void>((resolve) => {
      this.#probe = { key, seen: resolve };
    });
    try {
      await awaitUntil(endsAt, send(commands, [tracking('off'), tracking('on', 'redirect', id)]));
      await awaitUntil(
        endsAt,
        send(commands, [
          ['get', key],
          // In one write, so that no other client sees the key.
          ['set', key, '{"cookie":{}}', 'px', 1000],
          ['del', key],
        ]),
      );
      await awaitUntil(endsAt, seen);
    } catch (error) {
      if (!(error instanceof Late)) throw error;
      throw new Error('this Redis accepts CLIENT TRACKING and sends no invalidation', { cause: error });
    } finally {
      this.#probe = undefined;
    }
  }

  /** Sends a PING, and opens the connection again if there is no answer by `endsAt`. */
  async beat(endsAt: number): Promise<void> {
    if (this.#id === undefined) return;
    try {
      await awaitUntil(endsAt, this.#connection.call('ping'));
    } catch {
      this.reconnect();
    }
  }

  reconnect(): void {
    this.#lost('the connection for invalidations is opened again');
    reconnect(this.#connection);
  }

  close(): void {
    this.#stopPings();
    this.#connection.disconnect();
  }

  async #subscribe(): Promise<void> {
    try {
      // CLIENT ID comes first: a RESP2 connection that has subscribed may send hardly any other command.
      const id = Number(await this.#connection.call('client', 'id'));
      await this.#connection.call('subscribe', channel);
      this.#id = id;
      this.#listener.onReady();
    } catch (error) {
      this.#lost((error as Error).message);
    }
  }

  #startPings(): void {
    if (this.#id === undefined) return;
    this.#idlePauses = 0;
    this.#pinger = setInterval(() => {
      this.#idlePauses = this.#wasAsked ? 0 : this.#idlePauses + 1;
      this.#wasAsked = false;
      if (this.#idlePauses > idlePausesMax) this.#stopPings();
      else this.#ping();
    }, pingEveryMs);
    this.#pinger.unref();
    this.#ping();
  }

  #ping(): void {
    if (this.#pingInFlight) return;
    this.#pingInFlight = true;
    const sentAt = performance.now();
    this.#connection.call('ping').then(
      () => {
        this.#pingInFlight = false;
        if (this.#pinger) this.#heardUpTo = sentAt;
      },
      () => {
        this.#pingInFlight = false;
      },
    );
  }

  #stopPings(): void {
    clearInterval(this.#pinger);
    this.#pinger = undefined;
    this.#heardUpTo = Number.NEGATIVE_INFINITY;
  }

  #lost(reason: string): void {
    this.#stopPings();
    this.#id = undefined;
    this.#lossReason = reason;
    this.#listener.onLost(reason);
  }

  #received(keys: Buffer[] | null): void {
    if (!keys) this.#listener.onInvalidation(undefined);
    for (const bytes of keys ?? []) {
      const key = bytes.toString();
      if (key === this.#probe?.key) this.#probe.seen();
      else this.#listener.onInvalidation(key);
    }
  }
}
