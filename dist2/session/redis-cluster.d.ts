import { type RedisClient } from './redis-client.js';
import { RedisLink } from './redis-link.js';
import type { Ask, LinkSettings, RedisRoute, Request } from './redis-route.js';
/**
 * A link of our own to every master, so that each is tracked like a single server and it is known which one answered:
 * a row that came by way of a redirection is right, and is not cached. Whatever a link can't serve (a moving slot, a
 * master that is down) goes through ioredis's own Cluster, which follows redirections and failovers.
 */
export declare class ClusterRoute implements RedisRoute {
    #private;
    readonly kind = "cluster";
    constructor(client: RedisClient, settings: LinkSettings);
    link(key: string): RedisLink | undefined;
    exec(request: Request): Promise<{
        answers: unknown[];
        tracked: boolean;
    }>;
    servers(): Promise<Ask[]>;
    links(): Iterable<RedisLink>;
    close(): void;
}
