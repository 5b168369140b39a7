import { type RedisConnection } from './redis-client.js';
export interface PushListener {
    onReady(): void;
    onLost(reason: string): void;
    /** A whole key, or undefined for "all of them" (FLUSHALL, FLUSHDB). */
    onInvalidation(key: string | undefined): void;
}
/** The connection on which a server tells what another connection's tracked keys have become invalid. */
export declare class PushConnection {
    #private;
    constructor(connection: RedisConnection, listener: PushListener);
    /**
     * Has the server send here what `commands` reads and another connection changes, after it has been seen to do so:
     * proxies and managed services may accept the command and never send a message. Rejects with the reason.
     */
    track(commands: RedisConnection, probeKey: string | undefined, endsAt: number): Promise<void>;
    /** Makes the connection anew when it does not answer by `endsAt`. */
    beat(endsAt: number): Promise<void>;
    close(): void;
}
