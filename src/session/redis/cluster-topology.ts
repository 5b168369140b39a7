import slotOf from 'cluster-key-slot';
import { isStoreAway, storeAway } from '../core/backend.js';
import { before } from '../core/deadline.js';
import {
  ownConnection,
  type RedisClient,
  type RedisClusterConnection,
  type RedisConnection,
  send,
  type Words,
} from './ioredis.js';
import { isServerAnswer, RedisLink } from './server-connection.js';
import type { Ask, LinkSettings, RedisRoute, Request } from './topology.js';

/** Answers that say: not here, or not now. */
const elsewhere = /^(MOVED|ASK|CLUSTERDOWN|TRYAGAIN)\b(?: \d+ (\S+))?/;
const notNow = /^(CLUSTERDOWN|TRYAGAIN|MASTERDOWN|LOADING|READONLY|MOVED|ASK)\b/;

const refreshPauseMs = 200;

/**
 * A link of our own to every master, so that each is tracked like a single server and it is known which one answered:
 * a row that came by way of a redirection is right, and is not cached. Whatever a link can't serve (a moving slot, a
 * master that is down) goes through ioredis's own Cluster, which follows redirections and failovers.
 */
export class ClusterRoute implements RedisRoute {
  readonly kind = 'cluster';
  readonly #settings: LinkSettings;
  readonly #onState: LinkSettings['onState'];
  readonly #cluster: RedisClusterConnection;
  readonly #links = new Map<string, RedisLink>();
  #owners: (RedisLink | undefined)[] = [];
  #refreshing: Promise<void> | undefined;
  #again: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(client: RedisClient, settings: LinkSettings) {
    this.#onState = settings.onState;
    this.#settings = { ...settings, onState: (link) => this.#linkChanged(link) };
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
    }) as RedisClusterConnection;
    this.#cluster.on('error', () => undefined);
    for (const event of ['ready', '+node', '-node']) this.#cluster.on(event, () => this.#refresh());
  }

  link(key: string): RedisLink | undefined {
    return this.#owners[slotOf(key)];
  }

  async exec(request: Request): Promise<{ answers: unknown[]; tracked: boolean }> {
    const { link, commands, endsAt, repeat } = request;
    if (link && link.downReason === undefined) {
      try {
        return { answers: await link.exec(commands, endsAt, repeat), tracked: true };
      } catch (error) {
        const target = isServerAnswer(error) ? elsewhere.exec(error.message) : undefined;
        if (target) {
          this.#refresh();
          const answers = await this.#follow(target, commands, endsAt);
          if (answers) return { answers, tracked: false };
        } else if (!isStoreAway(error) || (repeat === 'once' && wasSent(error))) throw error;
      }
    }
    return { answers: await this.#answer(this.#cluster, commands, endsAt), tracked: false };
  }

  /**
   * Sends commands where a redirection points, once. ioredis follows redirections by itself, but not for a pipeline of
   * which one part is answered (WAIT). Undefined: that did not settle it.
   */
  async #follow(
    target: RegExpExecArray,
    commands: readonly Words[],
    endsAt: number,
  ): Promise<unknown[] | undefined> {
    const [, kind, address] = target;
    const node = this.#cluster.nodes('master').find((known) => addressOf(known) === address);
    if (!node) return undefined;
    try {
      if (kind !== 'ASK') return await this.#answer(node, commands, endsAt);
      return (await this.#answer(node, [['asking'], ...commands], endsAt)).slice(1);
    } catch (error) {
      if (isServerAnswer(error) && elsewhere.test(error.message)) return undefined;
      throw error;
    }
  }

  async servers(): Promise<Ask[]> {
    // Waits until the Cluster is known.
    await this.#answer(this.#cluster, [['ping']]);
    return this.#cluster.nodes('master').map((node) => (commands) => this.#answer(node, commands));
  }

  links(): Iterable<RedisLink> {
    return this.#links.values();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#again);
    for (const link of this.#links.values()) link.close();
    this.#cluster.disconnect();
  }

  async #answer(
    connection: RedisConnection,
    commands: readonly Words[],
    endsAt: number = performance.now() + this.#settings.commandTimeoutMs,
  ): Promise<unknown[]> {
    try {
      return await before(endsAt, send(connection, commands));
    } catch (error) {
      if (isServerAnswer(error) && !notNow.test(error.message)) throw error;
      throw storeAway(
        `The Redis Cluster did not answer: ${(error as Error).message || 'in time'}`,
        {},
        error,
      );
    }
  }

  #linkChanged(link: RedisLink): void {
    if (link.downReason !== undefined && !link.closed && this.#owners.includes(link)) this.#refresh();
    this.#onState(link);
  }

  /** Learns again who owns which slot; many causes soon after another make one refresh. */
  #refresh(): void {
    if (this.#closed || this.#again) return;
    this.#again = setTimeout(
      () => {
        this.#again = undefined;
        this.#refreshing ??= this.#learn()
          .catch(() => this.#refresh())
          .finally(() => {
            this.#refreshing = undefined;
          });
      },
      this.#owners.length === 0 ? 0 : refreshPauseMs,
    );
    this.#again.unref();
  }

  async #learn(): Promise<void> {
    if (this.#owners.length > 0)
      await new Promise<void>((done) => this.#cluster.refreshSlotsCache(() => done()));
    const endsAt = performance.now() + this.#settings.commandTimeoutMs;
    const masters = new Map<string, RedisConnection>();
    const learned = await Promise.allSettled(
      this.#cluster.nodes('master').map(async (node) => {
        masters.set(String(await before(endsAt, node.call('cluster', 'myid'))), node);
      }),
    );
    const [teller] = masters.values();
    if (this.#closed) return;
    if (!teller) throw storeAway('No master of the Redis Cluster answered');
    const ranges = (await before(endsAt, teller.call('cluster', 'slots'))) as [
      number,
      number,
      [string, number, string],
    ][];
    if (this.#closed) return;
    const owners: (RedisLink | undefined)[] = new Array(16_384).fill(undefined);
    const used = new Set<string>();
    for (const [from, to, [, , id]] of ranges) {
      const node = masters.get(id);
      if (!node) continue;
      const name = `${id}@${addressOf(node)}`;
      used.add(name);
      owners.fill(this.#linkTo(name, node), from, to + 1);
    }
    this.#owners = owners;
    for (const [name, link] of this.#links) {
      if (used.has(name)) continue;
      link.retire();
      this.#links.delete(name);
    }
    if (learned.some(({ status }) => status === 'rejected')) throw storeAway('A master did not answer');
  }

  #linkTo(name: string, node: RedisConnection): RedisLink {
    const known = this.#links.get(name);
    if (known) return known;
    const link = new RedisLink({
      ...this.#settings,
      connect: (override) => node.duplicate(override) as RedisConnection,
    });
    this.#links.set(name, link);
    return link;
  }
}

function wasSent(error: unknown): boolean {
  return (error as { facts?: { sent?: boolean } }).facts?.sent !== false;
}

function addressOf(node: RedisConnection): string {
  const { host, port } = node.options as { host?: string; port?: number };
  return `${host}:${port}`;
}
