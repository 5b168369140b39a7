import { awaitUntil } from '../core/deadline.js';
import { isStoreAway, storeAway } from '../core/store-errors.js';
import { addressOf, HashSlots } from './hash-slots.js';
import {
  type Command,
  type IoredisCluster,
  type IoredisConnection,
  isServerAnswer,
  ownConnection,
  type RedisClient,
  send,
} from './ioredis.js';
import type { ServerConnection } from './server-connection.js';
import type { Answers, Ask, ConnectionSettings, RedisTopology, Request } from './topology.js';

/** Errors with which a node redirects to another node, or asks to try later. */
const redirection = /^(MOVED|ASK|CLUSTERDOWN|TRYAGAIN)\b(?: \d+ (\S+))?/;
/** Errors that pass during a failover or while a hash slot moves. */
const passing = /^(CLUSTERDOWN|TRYAGAIN|MASTERDOWN|LOADING|READONLY|MOVED|ASK)\b/;

/**
 * A Redis Cluster, with a connection of the store's own to each master, so that each master tracks keys as a single server does.
 *
 * When that connection cannot serve a command (the hash slot moves, the master is down), ioredis's Cluster sends it and follows
 * redirections and failovers. Such an answer is right, and the near cache does not keep it: the store's own connection did not
 * receive it.
 */
export class ClusterTopology implements RedisTopology {
  readonly kind = 'cluster';
  readonly #commandTimeoutMs: number;
  readonly #cluster: IoredisCluster;
  readonly #hashSlots: HashSlots;

  constructor(client: RedisClient, settings: ConnectionSettings) {
    this.#commandTimeoutMs = settings.commandTimeoutMs;
    const {
      retryStrategy,
      sentinelRetryStrategy: _,
      enableOfflineQueue: __,
      ...node
    } = ownConnection as {
      retryStrategy: unknown;
      sentinelRetryStrategy: unknown;
      enableOfflineQueue: unknown;
    };
    this.#cluster = client.duplicate([], {
      lazyConnect: false,
      keyPrefix: '',
      scaleReads: 'master',
      enableOfflineQueue: true,
      enableAutoPipelining: false,
      clusterRetryStrategy: retryStrategy,
      redisOptions: node,
    }) as IoredisCluster;
    this.#cluster.on('error', () => undefined);
    this.#hashSlots = new HashSlots(this.#cluster, settings);
  }

  connectionFor(key: string): ServerConnection | undefined {
    return this.#hashSlots.ownerOf(key);
  }

  async exec(request: Request): Promise<Answers> {
    const { connection, commands, endsAt, repeat } = request;
    if (connection && connection.downReason === undefined) {
      try {
        return { answers: await connection.exec(commands, endsAt, repeat), tracked: true };
      } catch (error) {
        const redirected = isServerAnswer(error) ? redirection.exec(error.message) : undefined;
        if (redirected) {
          this.#hashSlots.refresh();
          const answers = await this.#follow(redirected, commands, endsAt);
          if (answers) return { answers, tracked: false };
        } else if (!isStoreAway(error) || (repeat === 'once' && wasSent(error))) throw error;
      }
    }
    return { answers: await this.#ask(this.#cluster, commands, endsAt), tracked: false };
  }

  async servers(): Promise<Ask[]> {
    // The nodes are known when the PING is answered.
    await this.#ask(this.#cluster, [['ping']]);
    return this.#cluster.nodes('master').map((node) => (commands) => this.#ask(node, commands));
  }

  connections(): Iterable<ServerConnection> {
    return this.#hashSlots.connections();
  }

  close(): void {
    this.#hashSlots.close();
    this.#cluster.disconnect();
  }

  /**
   * Sends the commands to the node that a redirection names, once. Resolves with undefined when ioredis does not know that node.
   *
   * ioredis follows redirections too, but not those of a pipeline in which a command without a key (WAIT) was answered.
   */
  async #follow(
    redirected: RegExpExecArray,
    commands: readonly Command[],
    endsAt: number,
  ): Promise<unknown[] | undefined> {
    const [, kind, address] = redirected;
    const node = this.#cluster.nodes('master').find((known) => addressOf(known) === address);
    if (!node) return undefined;
    try {
      if (kind !== 'ASK') return await this.#ask(node, commands, endsAt);
      return (await this.#ask(node, [['asking'], ...commands], endsAt)).slice(1);
    } catch (error) {
      if (isServerAnswer(error) && redirection.test(error.message)) return undefined;
      throw error;
    }
  }

  async #ask(
    connection: IoredisConnection,
    commands: readonly Command[],
    endsAt: number = performance.now() + this.#commandTimeoutMs,
  ): Promise<unknown[]> {
    try {
      return await awaitUntil(endsAt, send(connection, commands));
    } catch (error) {
      if (isServerAnswer(error) && !passing.test(error.message)) throw error;
      throw storeAway(
        `The Redis Cluster did not answer: ${(error as Error).message || 'in time'}`,
        {},
        error,
      );
    }
  }
}

function wasSent(error: unknown): boolean {
  return (error as { facts?: { sent?: boolean } }).facts?.sent !== false;
}
