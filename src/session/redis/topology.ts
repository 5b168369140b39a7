import type { Repeat } from './command-connection.js';
import type { Command, IoredisConnection, RedisClient } from './ioredis.js';
import { ServerConnection, type ServerConnectionOptions } from './server-connection.js';

/** Options that all server connections of one store share. */
export type ConnectionSettings = Omit<ServerConnectionOptions, 'connect'>;

/** The servers that keep the rows, and the way from a key to its server. */
export interface RedisTopology {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** Returns the connection to the server that owns `key`, if that is known. */
  connectionFor(key: string): ServerConnection | undefined;
  /** Runs commands on one key. Rejects with ERR_LIMPET_STORE or with Redis's own error. */
  exec(request: Request): Promise<Answers>;
  /** Resolves with one function for each server that holds keys. Each call is bounded by `commandTimeoutMs`. */
  servers(): Promise<Ask[]>;
  connections(): Iterable<ServerConnection>;
  close(): void;
}

/** Runs commands on one server. */
export type Ask = (commands: readonly Command[]) => Promise<unknown[]>;

export interface Request {
  readonly key: string;
  /** The result of `connectionFor(key)`. */
  readonly connection: ServerConnection | undefined;
  readonly commands: readonly Command[];
  /** Milliseconds of performance.now(). */
  readonly endsAt: number;
  readonly repeat: Repeat;
}

export interface Answers {
  readonly answers: unknown[];
  /** Whether the answers came over the connection of the request. Only then does the server track the key. */
  readonly tracked: boolean;
}

/** One server; with Sentinel, the current master. */
export class SingleTopology implements RedisTopology {
  readonly kind: 'single' | 'sentinel';
  readonly #connection: ServerConnection;
  readonly #commandTimeoutMs: number;

  constructor(client: RedisClient, settings: ConnectionSettings) {
    const { sentinels } = client.options as { sentinels?: unknown[] };
    this.kind = sentinels ? 'sentinel' : 'single';
    this.#commandTimeoutMs = settings.commandTimeoutMs;
    this.#connection = new ServerConnection({
      ...settings,
      connect: (override) => client.duplicate(override) as IoredisConnection,
    });
  }

  connectionFor(): ServerConnection {
    return this.#connection;
  }

  async exec({ commands, endsAt, repeat }: Request): Promise<Answers> {
    return { answers: await this.#connection.exec(commands, endsAt, repeat), tracked: true };
  }

  async servers(): Promise<Ask[]> {
    const ask: Ask = (commands) =>
      this.#connection.exec(commands, performance.now() + this.#commandTimeoutMs, 'repeatable');
    return [ask];
  }

  connections(): Iterable<ServerConnection> {
    return [this.#connection];
  }

  close(): void {
    this.#connection.close();
  }
}
