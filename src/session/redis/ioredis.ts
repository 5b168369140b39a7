/** The part of ioredis (5 and 6) that limpet uses. limpet does not import ioredis: the application brings its own. */

/** The option `client`: an ioredis `Redis` (single server or Sentinel) or `Cluster`. */
export interface RedisClient {
  /** Makes the store's own connections. */
  duplicate(override?: object, clusterOverride?: object): unknown;
  /** Address, credentials, TLS, `keyPrefix`. */
  readonly options: object;
  /** Whether it is a `Cluster`. */
  readonly isCluster?: boolean;
}

/** A connection of the store's own, made by `duplicate`. */
export interface IoredisConnection extends RedisClient {
  readonly status: string;
  on(event: string, listener: (...values: never[]) => void): unknown;
  call(command: string, ...rest: (string | number)[]): Promise<unknown>;
  pipeline(commands: (string | number)[][]): { exec(): Promise<[Error | null, unknown][] | null> };
  disconnect(reconnect?: boolean): void;
}

/** A `Cluster` of the store's own. */
export interface IoredisCluster extends IoredisConnection {
  nodes(role: 'master'): IoredisConnection[];
  refreshSlotsCache(callback: (error?: Error | null) => void): void;
}

/** A command and its arguments. A function is called when the command is sent, and returns the argument. */
export type Command = readonly (string | number | (() => number))[];

/**
 * Returns an argument for PX or PEXPIRE: milliseconds until `expiresAt`, at least 1. It is computed when the command is sent, because
 * the command may have waited for a connection.
 */
export function msUntil(expiresAt: number): () => number {
  return () => Math.max(1, Math.ceil(expiresAt - Date.now()));
}

const reconnectAfterMs = (attempt: number): number => Math.min(1000, 25 * 2 ** Math.min(attempt, 6));

/** Options of the store's own connections. They replace those of the application's client. */
export const ownConnection: object = {
  lazyConnect: false,
  // The store's keys are complete already.
  keyPrefix: '',
  // RESP2: ioredis 6 drops the invalidation messages of RESP3.
  protocol: 2,
  replyMapping: undefined,
  readOnly: false,
  // The store itself waits for a connection, because only the store knows the deadline.
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  // Commands in flight fail with their connection. Nobody knows whether the server ran them, and only the store knows which are safe
  // to repeat.
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  commandTimeout: undefined,
  socketTimeout: 3000,
  // disconnect() sends FIN, and destroys the socket after this many milliseconds. A server that has stopped never answers the FIN.
  disconnectTimeout: 1,
  reconnectOnError: null,
  retryStrategy: reconnectAfterMs,
  sentinelRetryStrategy: reconnectAfterMs,
};

/**
 * Closes the connection and opens it again. Does nothing while ioredis is already connecting: if ioredis is cut off while it asks a
 * Sentinel, it takes the connection as ended and never tries again.
 */
export function reconnect(connection: IoredisConnection): void {
  if (connection.status === 'ready' || connection.status === 'connect') connection.disconnect(true);
}

/** Returns the prefix that the application's client puts before every key. */
export function keyPrefixOf(client: RedisClient): string {
  const { keyPrefix } = client.options as { keyPrefix?: string };
  return keyPrefix ?? '';
}

/** Sends all `commands` in one write. Waits for all answers, then rejects with the first error among them. */
export async function send(connection: IoredisConnection, commands: readonly Command[]): Promise<unknown[]> {
  const ready = commands.map((words) => words.map((word) => (typeof word === 'function' ? word() : word)));
  const [only] = ready;
  if (only && ready.length === 1) return [await connection.call(...(only as [string]))];
  const answers = (await connection.pipeline(ready).exec()) ?? [];
  for (const [error] of answers) if (error) throw error;
  return answers.map(([, value]) => value);
}

/** Whether Redis itself answered with this error. Otherwise the command did not get an answer. */
export function isServerAnswer(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}
