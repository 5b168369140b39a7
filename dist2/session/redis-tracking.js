import { before, Late } from './deadline.js';
import { send } from './redis-client.js';
const channel = '__redis__:invalidate';
const tracking = (...rest) => ['client', 'tracking', ...rest];
/** The connection on which a server tells what another connection's tracked keys have become invalid. */
export class PushConnection {
    #connection;
    #listener;
    /** The server's number for this connection, while it listens. */
    #id;
    #probe;
    #refusal = 'the connection for invalidations is not up';
    constructor(connection, listener) {
        this.#connection = connection;
        this.#listener = listener;
        connection.on('error', () => undefined);
        connection.on('ready', () => void this.#subscribe());
        connection.on('close', () => this.#lost('the connection for invalidations closed'));
        connection.on('messageBuffer', (_channel, keys) => this.#received(keys));
    }
    /**
     * Has the server send here what `commands` reads and another connection changes, after it has been seen to do so:
     * proxies and managed services may accept the command and never send a message. Rejects with the reason.
     */
    async track(commands, probeKey, endsAt) {
        const id = this.#id;
        if (id === undefined)
            throw new Error(this.#refusal);
        try {
            if (probeKey !== undefined)
                await this.#prove(commands, id, probeKey, endsAt);
            await before(endsAt, send(commands, [tracking('off'), tracking('on', 'redirect', id, 'noloop')]));
        }
        catch (error) {
            throw error instanceof Late ? new Error('this Redis did not answer CLIENT TRACKING in time') : error;
        }
        if (this.#id !== id)
            throw new Error(this.#refusal);
    }
    async #prove(commands, id, key, endsAt) {
        const seen = new Promise((resolve) => {
            this.#probe = { key, seen: resolve };
        });
        try {
            await before(endsAt, send(commands, [tracking('off'), tracking('on', 'redirect', id)]));
            await before(endsAt, send(commands, [
                ['get', key],
                ['set', key, '{"cookie":{}}', 'px', 1],
            ]));
            await before(endsAt, seen);
        }
        catch (error) {
            if (!(error instanceof Late))
                throw error;
            throw new Error('this Redis accepts CLIENT TRACKING and sends no invalidation', { cause: error });
        }
        finally {
            this.#probe = undefined;
        }
    }
    /** Makes the connection anew when it does not answer by `endsAt`. */
    async beat(endsAt) {
        if (this.#id === undefined)
            return;
        try {
            await before(endsAt, this.#connection.call('ping'));
        }
        catch {
            this.#lost('the connection for invalidations does not answer');
            this.#connection.disconnect(true);
        }
    }
    close() {
        this.#connection.disconnect();
    }
    async #subscribe() {
        try {
            // In this order: RESP2 refuses nearly every command of a connection that has subscribed.
            const id = Number(await this.#connection.call('client', 'id'));
            await this.#connection.call('subscribe', channel);
            this.#id = id;
            this.#listener.onReady();
        }
        catch (error) {
            this.#lost(error.message);
        }
    }
    #lost(reason) {
        this.#id = undefined;
        this.#refusal = reason;
        this.#listener.onLost(reason);
    }
    #received(keys) {
        if (!keys)
            this.#listener.onInvalidation(undefined);
        for (const bytes of keys ?? []) {
            const key = bytes.toString();
            if (key === this.#probe?.key)
                this.#probe.seen();
            else
                this.#listener.onInvalidation(key);
        }
    }
}
