import slotOf from 'cluster-key-slot';
import { isStoreAway, storeAway } from './backend.js';
import { before } from './deadline.js';
import { ownConnection, send, } from './redis-client.js';
import { isServerAnswer, RedisLink } from './redis-link.js';
/** Answers that say: not here, or not now. */
const elsewhere = /^(MOVED|ASK|CLUSTERDOWN|TRYAGAIN)\b/;
const notNow = /^(CLUSTERDOWN|TRYAGAIN|MASTERDOWN|LOADING)\b/;
const refreshPauseMs = 200;
/**
 * A link of our own to every master, so that each is tracked like a single server and it is known which one answered:
 * a row that came by way of a redirection is right, and is not cached. Whatever a link can't serve (a moving slot, a
 * master that is down) goes through ioredis's own Cluster, which follows redirections and failovers.
 */
export class ClusterRoute {
    kind = 'cluster';
    #settings;
    #onState;
    #cluster;
    #links = new Map();
    #owners = [];
    #refreshing;
    #again;
    #closed = false;
    constructor(client, settings) {
        this.#onState = settings.onState;
        this.#settings = { ...settings, onState: (link) => this.#linkChanged(link) };
        const { retryStrategy, sentinelRetryStrategy: _, enableOfflineQueue: __, ...node } = ownConnection;
        this.#cluster = client.duplicate([], {
            lazyConnect: false,
            keyPrefix: '',
            scaleReads: 'master',
            enableOfflineQueue: true,
            enableAutoPipelining: false,
            clusterRetryStrategy: retryStrategy,
            redisOptions: node,
        });
        this.#cluster.on('error', () => undefined);
        for (const event of ['ready', '+node', '-node'])
            this.#cluster.on(event, () => this.#refresh());
    }
    link(key) {
        return this.#owners[slotOf(key)];
    }
    async exec(request) {
        const { link, commands, endsAt, repeat } = request;
        if (link && link.downReason === undefined) {
            try {
                return { answers: await link.exec(commands, endsAt, repeat), tracked: true };
            }
            catch (error) {
                const redirected = isServerAnswer(error) && elsewhere.test(error.message);
                if (redirected)
                    this.#refresh();
                else if (!isStoreAway(error) || repeat === 'once')
                    throw error;
            }
        }
        return { answers: await this.#answer(this.#cluster, commands, endsAt), tracked: false };
    }
    async servers() {
        // Waits until the Cluster is known.
        await this.#answer(this.#cluster, [['ping']]);
        return this.#cluster.nodes('master').map((node) => (commands) => this.#answer(node, commands));
    }
    links() {
        return this.#links.values();
    }
    close() {
        this.#closed = true;
        clearTimeout(this.#again);
        for (const link of this.#links.values())
            link.close();
        this.#cluster.disconnect();
    }
    async #answer(connection, commands, endsAt = performance.now() + this.#settings.commandTimeoutMs) {
        try {
            return await before(endsAt, send(connection, commands));
        }
        catch (error) {
            if (isServerAnswer(error) && !notNow.test(error.message))
                throw error;
            throw storeAway(`The Redis Cluster did not answer: ${error.message || 'in time'}`, {}, error);
        }
    }
    #linkChanged(link) {
        if (link.downReason !== undefined && !link.closed && this.#owners.includes(link))
            this.#refresh();
        this.#onState(link);
    }
    /** Learns again who owns which slot; many causes soon after another make one refresh. */
    #refresh() {
        if (this.#closed || this.#again)
            return;
        this.#again = setTimeout(() => {
            this.#again = undefined;
            this.#refreshing ??= this.#learn()
                .catch(() => this.#refresh())
                .finally(() => {
                this.#refreshing = undefined;
            });
        }, this.#owners.length === 0 ? 0 : refreshPauseMs);
        this.#again.unref();
    }
    async #learn() {
        if (this.#owners.length > 0)
            await new Promise((done) => this.#cluster.refreshSlotsCache(() => done()));
        const endsAt = performance.now() + this.#settings.commandTimeoutMs;
        const masters = new Map();
        const learned = await Promise.allSettled(this.#cluster.nodes('master').map(async (node) => {
            masters.set(String(await before(endsAt, node.call('cluster', 'myid'))), node);
        }));
        const [teller] = masters.values();
        if (this.#closed)
            return;
        if (!teller)
            throw storeAway('No master of the Redis Cluster answered');
        const ranges = (await before(endsAt, teller.call('cluster', 'slots')));
        if (this.#closed)
            return;
        const owners = new Array(16_384).fill(undefined);
        const used = new Set();
        for (const [from, to, [, , id]] of ranges) {
            const node = masters.get(id);
            if (!node)
                continue;
            const name = `${id}@${addressOf(node)}`;
            used.add(name);
            owners.fill(this.#linkTo(name, node), from, to + 1);
        }
        this.#owners = owners;
        for (const [name, link] of this.#links) {
            if (used.has(name))
                continue;
            link.close();
            this.#links.delete(name);
        }
        if (learned.some(({ status }) => status === 'rejected'))
            throw storeAway('A master did not answer');
    }
    #linkTo(name, node) {
        const known = this.#links.get(name);
        if (known)
            return known;
        const link = new RedisLink({
            ...this.#settings,
            connect: (override) => node.duplicate(override),
        });
        this.#links.set(name, link);
        return link;
    }
}
function addressOf(node) {
    const { host, port } = node.options;
    return `${host}:${port}`;
}
