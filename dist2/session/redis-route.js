import { storeRefused } from './backend.js';
import { isServerAnswer, RedisLink } from './redis-link.js';
/** One server; behind Sentinel, whichever is the master now. */
export class SingleRoute {
    kind;
    #link;
    #commandTimeoutMs;
    constructor(client, settings) {
        const { sentinels } = client.options;
        this.kind = sentinels ? 'sentinel' : 'single';
        this.#commandTimeoutMs = settings.commandTimeoutMs;
        this.#link = new RedisLink({
            ...settings,
            connect: (override) => client.duplicate(override),
        });
    }
    link() {
        return this.#link;
    }
    async exec({ commands, endsAt, repeat }) {
        return { answers: await this.#link.exec(commands, endsAt, repeat), tracked: true };
    }
    async servers() {
        const ask = (commands) => this.#link.exec(commands, performance.now() + this.#commandTimeoutMs, 'repeatable');
        return [ask];
    }
    links() {
        return [this.#link];
    }
    close() {
        this.#link.close();
    }
}
/** Redis's own refusal, as the error that limpet's callers know; any other error as it is. */
export function refusal(error) {
    if (!isServerAnswer(error))
        return error;
    return storeRefused(`Redis refused: ${error.message}`, { answer: error.message }, error);
}
/** All keys under `pattern` on one server, in batches as SCAN gives them. */
export async function* scan(ask, pattern) {
    let cursor = '0';
    do {
        const words = ['scan', cursor, 'match', pattern, 'count', 500];
        const [answer] = (await ask([words]));
        cursor = answer[0];
        if (answer[1].length > 0)
            yield answer[1];
    } while (cursor !== '0');
}
