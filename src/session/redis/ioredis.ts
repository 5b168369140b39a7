/** The part of ioredis (5 and 6) that limpet uses. Nothing is imported from it: the application brings its own. */

/** What the application passes as `client`: an ioredis `Redis` (single node or Sentinel) or `Cluster`. */
export interface RedisClient {
  /** Makes the connections of the store's own. */
  duplicate(override?: object, clusterOverride?: object): unknown;
  /** Address, credentials, TLS, `keyPrefix`. */
  readonly options: object;
  /** Whether it is a `Cluster`. */
  readonly isCluster?: boolean;
}

/** A command; a function in it is a number that is only known when the command is sent. */
export type Words = readonly (string | number | (() => number))[];

/** For PX: what is left of a life that ends at `expiresAt`, however long the command had to wait for a connection. */
export function msUntil(expiresAt: number): () => number {
  return () => Math.max(1, Math.ceil(expiresAt - Date.now()));
}

/** A connection of limpet's own, made by `duplicate`. */
export interface RedisConnection extends RedisClient {
  readonly status: string;
  on(event: string, listener: (...values: never[]) => void): unknown;
  call(command: string, ...rest: (string | number)[]): Promise<unknown>;
  pipeline(commands: (string | number)[][]): { exec(): Promise<[Error | null, unknown][] | null> };
  disconnect(reconnect?: boolean): void;
}

export interface RedisClusterConnection extends RedisConnection {
  nodes(role: 'master'): RedisConnection[];
  refreshSlotsCache(callback: (error?: Error | null) => void): void;
}

const reconnectAfterMs = (attempt: number): number => Math.min(1000, 25 * 2 ** Math.min(attempt, 6));

/**
 * What limpet's own connections must not inherit from the application's. Commands in flight fail when the connection
 * does (whether they ran is unknown, and only the store knows which may be sent again); nothing is queued unseen;
 * keys are whole already; RESP2, because ioredis 6 drops the invalidation pushes of RESP3; a connection to a server
 * that has stopped is cut at once, not after a polite goodbye.
 */
export const ownConnection: object = {
  lazyConnect: false,
  keyPrefix: '',
  protocol: 2,
  replyMapping: undefined,
  readOnly: false,
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  commandTimeout: undefined,
  socketTimeout: 3000,
  disconnectTimeout: 1,
  reconnectOnError: null,
  retryStrategy: reconnectAfterMs,
  sentinelRetryStrategy: reconnectAfterMs,
};

/**
 * Has a connection made anew. One that is on its way already is left alone: cut in the middle of asking a Sentinel,
 * ioredis takes the connection for ended, and never tries again.
 */
export function renew(connection: RedisConnection): void {
  if (connection.status === 'ready' || connection.status === 'connect') connection.disconnect(true);
}

/** The prefix that the application's client puts before every key. */
export function keyPrefixOf(client: RedisClient): string {
  const { keyPrefix } = client.options as { keyPrefix?: string };
  return keyPrefix ?? '';
}

/** Sends all `commands` in one write; rejects with the first error among the answers, after all have come. */
export async function send(connection: RedisConnection, commands: readonly Words[]): Promise<unknown[]> {
  const ready = commands.map((words) => words.map((word) => (typeof word === 'function' ? word() : word)));
  const [only] = ready;
  if (only && ready.length === 1) return [await connection.call(...(only as [string]))];
  const answers = (await connection.pipeline(ready).exec()) ?? [];
  for (const [error] of answers) if (error) throw error;
  return answers.map(([, value]) => value);
}
