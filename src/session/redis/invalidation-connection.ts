import { before, Late } from '../core/deadline.js';
import { type RedisConnection, renew, send, type Words } from './ioredis.js';

const channel = '__redis__:invalidate';

const tracking = (...rest: Words): Words => ['client', 'tracking', ...rest];

export interface PushListener {
  onReady(): void;
  onLost(reason: string): void;
  /** A whole key, or undefined for "all of them" (FLUSHALL, FLUSHDB). */
  onInvalidation(key: string | undefined): void;
}

/** How often it is asked whether everything has been heard, while somebody wants to know. */
const askMs = 10;
/** The asking stops when nobody wanted to know for so many times, so that an idle process sleeps. */
const idleAsks = 200;

/** The connection on which a server tells what another connection's tracked keys have become invalid. */
export class PushConnection {
  readonly #connection: RedisConnection;
  readonly #listener: PushListener;
  /** The server's number for this connection, while it listens. */
  #id: number | undefined;
  #probe: { key: string; seen: () => void } | undefined;
  #refusal = 'the connection for invalidations is not up';
  /** All that the server had to tell by this time (performance.now()) has been heard. */
  #heardUpTo = Number.NEGATIVE_INFINITY;
  #asking: NodeJS.Timeout | undefined;
  #asked = false;
  #wanted = false;
  #idle = 0;

  constructor(connection: RedisConnection, listener: PushListener) {
    this.#connection = connection;
    this.#listener = listener;
    connection.on('error', () => undefined);
    connection.on('ready', () => void this.#subscribe());
    connection.on('close', () => this.#lost('the connection for invalidations closed'));
    connection.on('messageBuffer', (_channel: Buffer, keys: Buffer[] | null) => this.#received(keys));
  }

  /**
   * Whether everything that the server had to tell until `staleMs` ago has been heard. The answer to a PING comes
   * after all invalidations that were written before it, so the time of the last answered PING is proof, whatever was
   * held up since: this process, the server, or the network. False at the first call after an idle time.
   */
  heardWithin(staleMs: number): boolean {
    this.#wanted = true;
    if (!this.#asking) this.#listenClosely();
    return performance.now() - this.#heardUpTo < staleMs;
  }

  /**
   * Has the server send here what `commands` reads and another connection changes, after it has been seen to do so:
   * proxies and managed services may accept the command and never send a message. Rejects with the reason.
   */
  async track(commands: RedisConnection, probeKey: string | undefined, endsAt: number): Promise<void> {
    const id = this.#id;
    if (id === undefined) throw new Error(this.#refusal);
    try {
      if (probeKey !== undefined) await this.#prove(commands, id, probeKey, endsAt);
      await before(endsAt, send(commands, [tracking('off'), tracking('on', 'redirect', id, 'noloop')]));
    } catch (error) {
      throw error instanceof Late ? new Error('this Redis did not answer CLIENT TRACKING in time') : error;
    }
    if (this.#id !== id) throw new Error(this.#refusal);
  }

  async #prove(commands: RedisConnection, id: number, key: string, endsAt: number): Promise<void> {
    const seen = new Promise<void>((resolve) => {
      this.#probe = { key, seen: resolve };
    });
    try {
      await before(endsAt, send(commands, [tracking('off'), tracking('on', 'redirect', id)]));
      await before(
        endsAt,
        send(commands, [
          ['get', key],
          // In one write, so that no other client sees the key.
          ['set', key, '{"cookie":{}}', 'px', 1000],
          ['del', key],
        ]),
      );
      await before(endsAt, seen);
    } catch (error) {
      if (!(error instanceof Late)) throw error;
      throw new Error('this Redis accepts CLIENT TRACKING and sends no invalidation', { cause: error });
    } finally {
      this.#probe = undefined;
    }
  }

  /** Makes the connection anew when it does not answer by `endsAt`. */
  async beat(endsAt: number): Promise<void> {
    if (this.#id === undefined) return;
    try {
      await before(endsAt, this.#connection.call('ping'));
    } catch {
      this.reconnect();
    }
  }

  reconnect(): void {
    this.#lost('the connection for invalidations is made anew');
    renew(this.#connection);
  }

  close(): void {
    this.#stopListening();
    this.#connection.disconnect();
  }

  async #subscribe(): Promise<void> {
    try {
      // In this order: RESP2 refuses nearly every command of a connection that has subscribed.
      const id = Number(await this.#connection.call('client', 'id'));
      await this.#connection.call('subscribe', channel);
      this.#id = id;
      this.#listener.onReady();
    } catch (error) {
      this.#lost((error as Error).message);
    }
  }

  #listenClosely(): void {
    if (this.#id === undefined) return;
    this.#idle = 0;
    this.#asking = setInterval(() => {
      this.#idle = this.#wanted ? 0 : this.#idle + 1;
      this.#wanted = false;
      if (this.#idle > idleAsks) this.#stopListening();
      else this.#ask();
    }, askMs);
    this.#asking.unref();
    this.#ask();
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    const askedAt = performance.now();
    this.#connection.call('ping').then(
      () => {
        this.#asked = false;
        if (this.#asking) this.#heardUpTo = askedAt;
      },
      () => {
        this.#asked = false;
      },
    );
  }

  #stopListening(): void {
    clearInterval(this.#asking);
    this.#asking = undefined;
    this.#heardUpTo = Number.NEGATIVE_INFINITY;
  }

  #lost(reason: string): void {
    this.#stopListening();
    this.#id = undefined;
    this.#refusal = reason;
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
