import { randomBytes } from 'node:crypto';
import type { Backend, BackendListener, BackendStatus, Replaced, Row } from '../core/backend.js';
import { NearCache } from '../core/near-cache.js';
import { isStoreAway } from '../core/store-errors.js';
import { ClusterTopology } from './cluster-topology.js';
import type { Repeat } from './command-connection.js';
import { RedisCommands } from './commands.js';
import { RedisHealth } from './health.js';
import { keyPrefixOf, type RedisClient } from './ioredis.js';
import type { ServerConnection } from './server-connection.js';
import { type RedisTopology, SingleTopology } from './topology.js';
import { createWrite, replaceWrite, rowOf, touchWrite, type Write } from './writes.js';

export interface RedisBackendOptions {
  readonly client: RedisClient;
  readonly prefix: string;
  readonly commandTimeoutMs: number;
  /** A write succeeds when this number of replicas has it; 0 waits for none. */
  readonly replicas: number;
  readonly nearCache: { readonly entries: number; readonly bytes: number; readonly staleMs: number } | false;
  /** Whether rows are kept for `lastKnown` even when Redis does not track them. */
  readonly keepLastKnown: boolean;
}

const probePrefix = 'limpet-probe-';

/**
 * Rows as Redis strings under `<keyPrefix><prefix><sid>`, behind a {@link NearCache}. connect-redis reads and writes the same rows.
 */
export class RedisBackend implements Backend {
  readonly #options: RedisBackendOptions;
  readonly #prefix: string;
  readonly #near: NearCache;
  readonly #topology: RedisTopology;
  readonly #commands: RedisCommands;
  readonly #health: RedisHealth;
  readonly #followed = new Set<string>();
  #listener: BackendListener | undefined;

  constructor(options: RedisBackendOptions) {
    this.#options = options;
    this.#prefix = keyPrefixOf(options.client) + options.prefix;
    this.#near = new NearCache(
      options.nearCache || { entries: 10_000, bytes: 16 * 1024 * 1024 },
      options.keepLastKnown,
    );
    const settings = {
      track: options.nearCache !== false,
      staleMs: options.nearCache ? options.nearCache.staleMs : 0,
      probeKey: (connection: ServerConnection) => this.#probeKey(connection),
      commandTimeoutMs: options.commandTimeoutMs,
      onInvalidation: (key: string | undefined) => this.#invalidated(key),
      onPeriod: () => this.#listener?.changed(),
      onState: (connection: ServerConnection) => this.#connectionChanged(connection),
    };
    const Topology = options.client.isCluster ? ClusterTopology : SingleTopology;
    this.#topology = new Topology(options.client, settings);
    this.#commands = new RedisCommands(this.#topology, {
      commandTimeoutMs: options.commandTimeoutMs,
      replicas: options.replicas,
      onScriptsRefused: (reason) => this.#listener?.degraded('compareAndSet', reason),
    });
    this.#health = new RedisHealth(this.#topology, {
      up: () => this.#listener?.up(),
      down: (reason) => this.#listener?.down(reason),
      trackingRefused: (reason) => {
        if (options.nearCache) this.#listener?.degraded('nearCache', reason);
      },
    });
  }

  async read(sid: string): Promise<Row | undefined> {
    const key = this.#prefix + sid;
    const connection = this.#topology.connectionFor(key);
    const trustedPeriod = connection?.trustedPeriod;
    const near = trustedPeriod && this.#near.get(key, trustedPeriod);
    if (near) return near;
    const period = connection?.period;
    this.#near.missed();
    const version = this.#near.begin(key);
    let row: Row | undefined;
    let isTracked = false;
    try {
      const { answers, tracked } = await this.#commands.read(key, connection, [
        ['get', key],
        ['pttl', key],
      ]);
      row = rowOf(answers[0], answers[1]);
      isTracked = tracked;
      return row;
    } catch (error) {
      row = this.#near.lastKnown(key);
      throw error;
    } finally {
      this.#near.end(key, version, isTracked ? period : undefined, row);
    }
  }

  lastKnown(sid: string): Row | undefined {
    return this.#near.lastKnown(this.#prefix + sid);
  }

  async create(sid: string, raw: string, ttlMs: number): Promise<void> {
    await this.#write(sid, 'once', createWrite(raw, ttlMs));
  }

  async replace(sid: string, known: string | undefined, raw: string, ttlMs: number): Promise<Replaced> {
    const write = replaceWrite(known, raw, ttlMs);
    const endsAt = performance.now() + this.#options.commandTimeoutMs;
    try {
      return await this.#write(sid, 'once', write);
    } catch (error) {
      if (known === undefined || !isStoreAway(error) || performance.now() >= endsAt) throw error;
      // Redis may have run the write. Try again: the compare-and-set succeeds only if Redis did not run it. If the row is ours, it did.
      // If the row is another one, nobody can know.
      const replaced = await this.#write(sid, 'once', write);
      if (typeof replaced === 'string') return replaced;
      if (replaced.raw === raw) return 'stored';
      throw error;
    }
  }

  async touch(sid: string, ttlMs: number): Promise<boolean> {
    const key = this.#prefix + sid;
    const period = this.#topology.connectionFor(key)?.period;
    const known = period && this.#near.lastKnown(key, period);
    return this.#write(sid, 'repeatable', touchWrite(ttlMs, known));
  }

  async remove(sid: string): Promise<void> {
    const key = this.#prefix + sid;
    this.#near.forget(key);
    try {
      await this.#commands.remove(key);
    } finally {
      this.#near.forget(key);
    }
  }

  async *list(): AsyncGenerator<string[]> {
    for await (const keys of this.#commands.keys(this.#prefix)) {
      yield keys.map((key) => key.slice(this.#prefix.length)).filter((sid) => !sid.startsWith(probePrefix));
    }
  }

  follow(sid: string): void {
    this.#followed.add(this.#prefix + sid);
  }

  unfollow(sid: string): void {
    this.#followed.delete(this.#prefix + sid);
  }

  listen(listener: BackendListener): void {
    this.#listener = listener;
  }

  status(): BackendStatus {
    const { up, downReason, untrackedReason } = this.#health;
    const { scriptsReason } = this.#commands;
    return {
      kind: 'redis',
      topology: this.#topology.kind,
      up,
      reason: downReason,
      nearCache: { on: untrackedReason === undefined, reason: untrackedReason, ...this.#near.counters },
      compareAndSet: { on: scriptsReason === undefined, reason: scriptsReason },
    };
  }

  async close(): Promise<void> {
    this.#commands.close();
  }

  /** Sends one write, and updates the near cache from its answers. */
  async #write<T>(sid: string, repeat: Repeat, write: Write<T>): Promise<T> {
    const key = this.#prefix + sid;
    const connection = this.#topology.connectionFor(key);
    const period = connection?.period;
    this.#near.overtake(key);
    const version = this.#near.begin(key);
    let row: Row | undefined;
    let isTracked = false;
    try {
      const { answers, tracked } = await this.#commands.write(key, connection, write, repeat);
      const [result, known] = write.stored(answers);
      row = known;
      isTracked = tracked;
      return result;
    } finally {
      this.#near.end(key, version, isTracked ? period : undefined, row);
    }
  }

  /**
   * Returns a random key of the connection's own server. In a Cluster, the key must be in a hash slot of that master. There may be none
   * if the prefix has a hash tag.
   */
  #probeKey(connection: ServerConnection): string | undefined {
    for (let attempt = 0; attempt < 200; attempt++) {
      const key = `${this.#prefix}${probePrefix}${randomBytes(8).toString('hex')}`;
      if (this.#topology.connectionFor(key) === connection) return key;
    }
    return undefined;
  }

  #invalidated(key: string | undefined): void {
    if (key === undefined) this.#near.invalidateAll();
    else this.#near.invalidate(key);
    if (key === undefined) this.#listener?.changed();
    else if (this.#followed.has(key)) this.#listener?.changed(key.slice(this.#prefix.length));
  }

  #connectionChanged(connection: ServerConnection): void {
    if (!connection.closed && !this.#commands.closed) this.#health.changed(connection);
  }
}
