import slotOf from 'cluster-key-slot';
import { awaitUntil } from '../core/deadline.js';
import { storeAway } from '../core/store-errors.js';
import type { IoredisCluster, IoredisConnection } from './ioredis.js';
import { ServerConnection } from './server-connection.js';
import type { ConnectionSettings } from './topology.js';

const hashSlots = 16_384;
/** Many events that follow each other within this time cause one refresh. */
const refreshPauseMs = 200;

/** The owners of a Redis Cluster's hash slots, and the store's own connections to these masters. */
export class HashSlots {
  readonly #cluster: IoredisCluster;
  readonly #settings: ConnectionSettings;
  /** By master: `<node id>@<host>:<port>`. */
  readonly #connections = new Map<string, ServerConnection>();
  /** By hash slot. */
  #owners: (ServerConnection | undefined)[] = [];
  #refreshing: Promise<void> | undefined;
  #nextRefresh: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(cluster: IoredisCluster, settings: ConnectionSettings) {
    this.#cluster = cluster;
    this.#settings = {
      ...settings,
      onState: (connection) => {
        const isLost = connection.downReason !== undefined && !connection.closed;
        if (isLost && this.#owners.includes(connection)) this.refresh();
        settings.onState(connection);
      },
    };
    for (const event of ['ready', '+node', '-node']) cluster.on(event, () => this.refresh());
  }

  /** Returns the connection to the master that owns the hash slot of `key`, if it is known. */
  ownerOf(key: string): ServerConnection | undefined {
    return this.#owners[slotOf(key)];
  }

  connections(): Iterable<ServerConnection> {
    return this.#connections.values();
  }

  /** Asks the Cluster for the owners again: at once the first time, later after 200 ms. Repeats after a failure. */
  refresh(): void {
    if (this.#closed || this.#nextRefresh) return;
    this.#nextRefresh = setTimeout(
      () => {
        this.#nextRefresh = undefined;
        this.#refreshing ??= this.#updateOwners()
          .catch(() => this.refresh())
          .finally(() => {
            this.#refreshing = undefined;
          });
      },
      this.#owners.length === 0 ? 0 : refreshPauseMs,
    );
    this.#nextRefresh.unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#nextRefresh);
    for (const connection of this.#connections.values()) connection.close();
  }

  async #updateOwners(): Promise<void> {
    if (this.#owners.length > 0)
      await new Promise<void>((done) => this.#cluster.refreshSlotsCache(() => done()));
    const endsAt = performance.now() + this.#settings.commandTimeoutMs;
    const masters = new Map<string, IoredisConnection>();
    const asked = await Promise.allSettled(
      this.#cluster.nodes('master').map(async (node) => {
        masters.set(String(await awaitUntil(endsAt, node.call('cluster', 'myid'))), node);
      }),
    );
    const [master] = masters.values();
    if (this.#closed) return;
    if (!master) throw storeAway('No master of the Redis Cluster answered');
    const ranges = (await awaitUntil(endsAt, master.call('cluster', 'slots'))) as [
      number,
      number,
      [string, number, string],
    ][];
    if (this.#closed) return;
    const owners: (ServerConnection | undefined)[] = new Array(hashSlots).fill(undefined);
    const used = new Set<string>();
    for (const [from, to, [, , id]] of ranges) {
      const node = masters.get(id);
      if (!node) continue;
      const name = `${id}@${addressOf(node)}`;
      used.add(name);
      owners.fill(this.#connectionTo(name, node), from, to + 1);
    }
    this.#owners = owners;
    for (const [name, connection] of this.#connections) {
      if (used.has(name)) continue;
      connection.retire();
      this.#connections.delete(name);
    }
    if (asked.some(({ status }) => status === 'rejected')) throw storeAway('A master did not answer');
  }

  #connectionTo(name: string, node: IoredisConnection): ServerConnection {
    const known = this.#connections.get(name);
    if (known) return known;
    const connection = new ServerConnection({
      ...this.#settings,
      connect: (override) => node.duplicate(override) as IoredisConnection,
    });
    this.#connections.set(name, connection);
    return connection;
  }
}

/** Returns `<host>:<port>` of a node. */
export function addressOf(node: IoredisConnection): string {
  const { host, port } = node.options as { host?: string; port?: number };
  return `${host}:${port}`;
}
