import { randomBytes } from 'node:crypto';
import type { Backend, BackendListener, BackendStatus, Replaced, Row } from '../core/backend.js';
import { isStoreAway } from '../core/backend.js';
import { NearCache } from '../core/near-cache.js';
import { ClusterRoute } from './cluster-topology.js';
import { RedisCommands, type Write } from './commands.js';
import { RedisHealth } from './health.js';
import { keyPrefixOf, msUntil, type RedisClient } from './ioredis.js';
import type { RedisLink, Repeat } from './server-connection.js';
import { type RedisRoute, SingleRoute } from './topology.js';
import { createScript, replaceScript, sha1, touchScript } from './writes.js';

export interface RedisBackendOptions {
  readonly client: RedisClient;
  readonly prefix: string;
  readonly commandTimeoutMs: number;
  /** A write is confirmed once so many replicas have it; 0 asks none. */
  readonly replicas: number;
  readonly nearCache: { readonly entries: number; readonly bytes: number; readonly staleMs: number } | false;
  /** Rows are kept as last known even where they can't be tracked. */
  readonly keepLastKnown: boolean;
}

const probePrefix = 'limpet-probe-';

/** Rows as Redis strings under `<keyPrefix><prefix><sid>`, in step with connect-redis, behind a {@link NearCache}. */
export class RedisBackend implements Backend {
  readonly #options: RedisBackendOptions;
  readonly #prefix: string;
  readonly #near: NearCache;
  readonly #route: RedisRoute;
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
      probeKey: (link: RedisLink) => this.#probeKey(link),
      commandTimeoutMs: options.commandTimeoutMs,
      onInvalidation: (key: string | undefined) => this.#invalidated(key),
      onPeriod: () => this.#listener?.changed(),
      onState: (link: RedisLink) => this.#linkChanged(link),
    };
    const Route = options.client.isCluster ? ClusterRoute : SingleRoute;
    this.#route = new Route(options.client, settings);
    this.#commands = new RedisCommands(this.#route, {
      commandTimeoutMs: options.commandTimeoutMs,
      replicas: options.replicas,
      onScriptsRefused: (reason) => this.#listener?.degraded('compareAndSet', reason),
    });
    this.#health = new RedisHealth(this.#route, {
      up: () => this.#listener?.up(),
      down: (reason) => this.#listener?.down(reason),
      trackingRefused: (reason) => {
        if (options.nearCache) this.#listener?.degraded('nearCache', reason);
      },
    });
  }

  async read(sid: string): Promise<Row | undefined> {
    const key = this.#prefix + sid;
    const link = this.#route.link(key);
    const trusted = link?.trusted;
    const near = trusted && this.#near.get(key, trusted);
    if (near) return near;
    const period = link?.period;
    this.#near.missed();
    const version = this.#near.begin(key);
    let row: Row | undefined;
    let vouched = false;
    try {
      const { answers, tracked } = await this.#commands.read(key, link, [
        ['get', key],
        ['pttl', key],
      ]);
      row = rowOf(answers[0], answers[1]);
      vouched = tracked;
      return row;
    } catch (error) {
      row = this.#near.lastKnown(key);
      throw error;
    } finally {
      this.#near.end(key, version, vouched ? period : undefined, row);
    }
  }

  lastKnown(sid: string): Row | undefined {
    return this.#near.lastKnown(this.#prefix + sid);
  }

  async create(sid: string, raw: string, ttlMs: number): Promise<void> {
    const row = { raw, expiresAt: Date.now() + ttlMs };
    const px = msUntil(row.expiresAt);
    await this.#write(sid, 'once', {
      script: createScript,
      words: [raw, px],
      plain: (key) => [
        ['set', key, raw, 'px', px],
        ['get', key],
      ],
      stored: ([answer, again]) =>
        again === undefined || again === raw ? [answer, row] : [answer, undefined],
    });
  }

  async replace(sid: string, known: string | undefined, raw: string, ttlMs: number): Promise<Replaced> {
    const row = { raw, expiresAt: Date.now() + ttlMs };
    const px = msUntil(row.expiresAt);
    const attempt = (): Promise<Replaced> =>
      this.#write<Replaced>(sid, 'once', {
        script: replaceScript,
        words: [known === undefined ? '' : sha1(known), raw, px],
        plain: (key) => [
          ['set', key, raw, 'px', px, 'xx'],
          ['get', key],
        ],
        stored: ([answer, again]) => {
          if (answer === 0 || answer === null) return ['gone', undefined];
          if (!Array.isArray(answer))
            return ['stored', again === undefined || again === raw ? row : undefined];
          const other = rowOf(answer[0], answer[1]);
          return other ? [other, other] : ['gone', undefined];
        },
      });
    const endsAt = performance.now() + this.#options.commandTimeoutMs;
    try {
      return await attempt();
    } catch (error) {
      if (known === undefined || !isStoreAway(error) || performance.now() >= endsAt) throw error;
      // It may have been stored. If the row is still as it was, it was not; if another row is there, no one can tell.
      const replaced = await attempt();
      if (typeof replaced === 'string') return replaced;
      if (replaced.raw === raw) return 'stored';
      throw error;
    }
  }

  async touch(sid: string, ttlMs: number): Promise<boolean> {
    const key = this.#prefix + sid;
    const period = this.#route.link(key)?.period;
    const expiresAt = Date.now() + ttlMs;
    const px = msUntil(expiresAt);
    const known = period && this.#near.lastKnown(key, period);
    return this.#write(sid, 'repeatable', {
      script: touchScript,
      words: [px],
      plain: () => [
        ['pexpire', key, px],
        ['exists', key],
      ],
      stored: (answers) => {
        const [answer] = answers;
        // Only the script sets and reads in one step; between plain commands another row may come unseen.
        const row = answer === 1 && answers.length === 1 && known ? { raw: known.raw, expiresAt } : undefined;
        return [answer === 1, row];
      },
    });
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
    const { up, downReason, trackingReason } = this.#health;
    const { scriptsReason } = this.#commands;
    return {
      kind: 'redis',
      topology: this.#route.kind,
      up,
      reason: downReason,
      nearCache: { on: trackingReason === undefined, reason: trackingReason, ...this.#near.counters },
      compareAndSet: { on: scriptsReason === undefined, reason: scriptsReason },
    };
  }

  async close(): Promise<void> {
    this.#commands.close();
  }

  /** One write, and what the near cache knows after it. */
  async #write<T>(
    sid: string,
    repeat: Repeat,
    write: Write & {
      /** From the answers: what the caller is told, and the row that is known to be there now. */
      stored: (answers: unknown[]) => [T, Row | undefined];
    },
  ): Promise<T> {
    const key = this.#prefix + sid;
    const link = this.#route.link(key);
    const period = link?.period;
    this.#near.overtake(key);
    const version = this.#near.begin(key);
    let row: Row | undefined;
    let vouched = false;
    try {
      const { answers, tracked } = await this.#commands.write(key, link, write, repeat);
      const [result, known] = write.stored(answers);
      row = known;
      vouched = tracked;
      return result;
    } finally {
      this.#near.end(key, version, vouched ? period : undefined, row);
    }
  }

  /** In a Cluster only a key of the link's own slots will do; with a hash tag in the prefix there may be none. */
  #probeKey(link: RedisLink): string | undefined {
    for (let attempt = 0; attempt < 200; attempt++) {
      const key = `${this.#prefix}${probePrefix}${randomBytes(8).toString('hex')}`;
      if (this.#route.link(key) === link) return key;
    }
    return undefined;
  }

  #invalidated(key: string | undefined): void {
    if (key === undefined) this.#near.invalidateAll();
    else this.#near.invalidate(key);
    if (key === undefined) this.#listener?.changed();
    else if (this.#followed.has(key)) this.#listener?.changed(key.slice(this.#prefix.length));
  }

  #linkChanged(link: RedisLink): void {
    if (!link.closed && !this.#commands.closed) this.#health.changed(link);
  }
}

/** From the answers of GET and PTTL. */
function rowOf(raw: unknown, remainingMs: unknown): Row | undefined {
  const ms = Number(remainingMs);
  if (typeof raw !== 'string' || ms === -2) return undefined;
  return { raw, expiresAt: ms === -1 ? Number.POSITIVE_INFINITY : Date.now() + ms };
}
