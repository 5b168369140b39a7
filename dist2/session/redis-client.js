/** The part of ioredis (5 and 6) that limpet uses. Nothing is imported from it: the application brings its own. */
/** For PX: what is left of a life that ends at `expiresAt`, however long the command had to wait for a connection. */
export function msUntil(expiresAt) {
    return () => Math.max(1, Math.ceil(expiresAt - Date.now()));
}
const reconnectAfterMs = (attempt) => Math.min(1000, 25 * 2 ** Math.min(attempt, 6));
/**
 * What limpet's own connections must not inherit from the application's. Commands in flight fail when the connection
 * does (whether they ran is unknown, and only the store knows which may be sent again); nothing is queued unseen;
 * keys are whole already; RESP2, because ioredis 6 drops the invalidation pushes of RESP3; a connection to a server
 * that has stopped is cut at once, not after a polite goodbye.
 */
export const ownConnection = {
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
/** The prefix that the application's client puts before every key. */
export function keyPrefixOf(client) {
    const { keyPrefix } = client.options;
    return keyPrefix ?? '';
}
/** Sends all `commands` in one write; rejects with the first error among the answers, after all have come. */
export async function send(connection, commands) {
    const ready = commands.map((words) => words.map((word) => (typeof word === 'function' ? word() : word)));
    const [only] = ready;
    if (only && ready.length === 1)
        return [await connection.call(...only)];
    const answers = (await connection.pipeline(ready).exec()) ?? [];
    for (const [error] of answers)
        if (error)
            throw error;
    return answers.map(([, value]) => value);
}
