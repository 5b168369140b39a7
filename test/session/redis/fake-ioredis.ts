import type { IoredisCluster, IoredisConnection } from '../../../src/session/redis/ioredis.ts';

export type Words = (string | number)[];

/** An error that Redis itself sends, as ioredis rejects with it. */
export function replyError(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' });
}

/** A connection of ioredis without a server: the test answers its commands and emits its events. */
export class FakeIoredis implements IoredisConnection {
  status = 'connecting';
  readonly options: object;
  readonly isCluster: boolean = false;
  /** Commands in the order in which they were sent. */
  readonly sent: Words[] = [];
  /** Number of writes: a pipeline is one. */
  writes = 0;
  /** Arguments of the calls to disconnect(). */
  readonly disconnects: (boolean | undefined)[] = [];
  readonly duplicates: { connection: FakeIoredis; options: object | undefined }[] = [];
  /** Answers a command. May throw, or return a promise. */
  answer: (words: Words) => unknown = () => 'OK';
  readonly #listeners = new Map<string, ((...values: never[]) => void)[]>();

  constructor(options: object = {}) {
    this.options = options;
  }

  on(event: string, listener: (...values: never[]) => void): this {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
    return this;
  }

  /** As an EventEmitter does, throws an error that nobody listens to. */
  emit(event: string, ...values: unknown[]): void {
    const listeners = this.#listeners.get(event) ?? [];
    if (event === 'error' && listeners.length === 0) throw values[0];
    for (const listener of listeners) listener(...(values as never[]));
  }

  /** The connection is up. */
  connect(): void {
    this.status = 'ready';
    this.emit('ready');
  }

  /** The connection is lost, after an error if there is one. */
  drop(error?: string): void {
    this.status = 'reconnecting';
    if (error) this.emit('error', new Error(error));
    this.emit('close');
  }

  /** Redis invalidates keys; null is all of them. */
  invalidate(keys: string[] | null): void {
    this.emit(
      'messageBuffer',
      Buffer.from('__redis__:invalidate'),
      keys?.map((key) => Buffer.from(key)) ?? null,
    );
  }

  async call(...words: Words): Promise<unknown> {
    this.writes++;
    this.sent.push(words);
    return this.answer(words);
  }

  pipeline(commands: Words[]): { exec(): Promise<[Error | null, unknown][]> } {
    return {
      exec: () => {
        this.writes++;
        this.sent.push(...commands);
        return Promise.all(
          commands.map(async (words): Promise<[Error | null, unknown]> => {
            try {
              return [null, await this.answer(words)];
            } catch (error) {
              if ((error as Error).name !== 'ReplyError') throw error;
              return [error as Error, undefined];
            }
          }),
        );
      },
    };
  }

  disconnect(reconnect?: boolean): void {
    this.disconnects.push(reconnect);
    this.status = reconnect ? 'reconnecting' : 'end';
  }

  duplicate(options?: object): FakeIoredis {
    const connection = new FakeIoredis(this.options);
    this.duplicates.push({ connection, options });
    return connection;
  }

  /** Names of the commands that were sent, with their first argument. */
  get log(): string[] {
    return this.sent.map(([name, first]) => (first === undefined ? `${name}` : `${name} ${first}`));
  }
}

/** A Cluster of ioredis with fake masters. */
export class FakeCluster extends FakeIoredis implements IoredisCluster {
  override readonly isCluster = true;
  masters: FakeIoredis[] = [];
  refreshes = 0;

  nodes(role: 'master'): FakeIoredis[] {
    return role === 'master' ? this.masters : [];
  }

  refreshSlotsCache(callback: (error?: Error | null) => void): void {
    this.refreshes++;
    callback(null);
  }
}

/**
 * Answers commands as a Redis server does that tracks keys: a write of the probe's key is announced on `invalidations`. `other` answers
 * all other commands.
 */
export function trackingServer(
  invalidations: () => FakeIoredis,
  other: (words: Words) => unknown = () => null,
): (words: Words) => unknown {
  return (words) => {
    const [name, key] = words;
    if (name === 'client') return words[1] === 'id' ? 42 : 'OK';
    if (name === 'subscribe') return 'OK';
    if (name === 'ping') return 'PONG';
    if (name === 'del' && String(key).includes('limpet-probe-')) {
      queueMicrotask(() => invalidations().invalidate([String(key)]));
      return 1;
    }
    return other(words);
  };
}
