import { storeRefused } from '../core/backend.js';
import type { RedisClient, RedisConnection, Words } from './ioredis.js';
import { isServerAnswer, type LinkOptions, RedisLink, type Repeat } from './server-connection.js';

/** What the links of one store have in common. */
export type LinkSettings = Omit<LinkOptions, 'connect'>;

/** Which server a key's commands go to. */
export interface RedisRoute {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** The link to the server that owns `key`, as far as is known. */
  link(key: string): RedisLink | undefined;
  /**
   * Runs commands on one key. `link` is what `link(key)` gave; `tracked` tells that the answers came through it.
   * Rejects with ERR_LIMPET_STORE or with Redis's own error.
   */
  exec(request: Request): Promise<{ answers: unknown[]; tracked: boolean }>;
  /** A way to ask each server that holds keys; every question is bounded like any command. */
  servers(): Promise<Ask[]>;
  links(): Iterable<RedisLink>;
  close(): void;
}

export type Ask = (commands: readonly Words[]) => Promise<unknown[]>;

export interface Request {
  readonly key: string;
  readonly link: RedisLink | undefined;
  readonly commands: readonly Words[];
  /** performance.now() milliseconds. */
  readonly endsAt: number;
  readonly repeat: Repeat;
}

/** One server; behind Sentinel, whichever is the master now. */
export class SingleRoute implements RedisRoute {
  readonly kind: 'single' | 'sentinel';
  readonly #link: RedisLink;
  readonly #commandTimeoutMs: number;

  constructor(client: RedisClient, settings: LinkSettings) {
    const { sentinels } = client.options as { sentinels?: unknown[] };
    this.kind = sentinels ? 'sentinel' : 'single';
    this.#commandTimeoutMs = settings.commandTimeoutMs;
    this.#link = new RedisLink({
      ...settings,
      connect: (override) => client.duplicate(override) as RedisConnection,
    });
  }

  link(): RedisLink {
    return this.#link;
  }

  async exec({ commands, endsAt, repeat }: Request): Promise<{ answers: unknown[]; tracked: boolean }> {
    return { answers: await this.#link.exec(commands, endsAt, repeat), tracked: true };
  }

  async servers(): Promise<Ask[]> {
    const ask: Ask = (commands) =>
      this.#link.exec(commands, performance.now() + this.#commandTimeoutMs, 'repeatable');
    return [ask];
  }

  links(): Iterable<RedisLink> {
    return [this.#link];
  }

  close(): void {
    this.#link.close();
  }
}

/** Redis's own refusal, as the error that limpet's callers know; any other error as it is. */
export function refusal(error: unknown): unknown {
  if (!isServerAnswer(error)) return error;
  return storeRefused(`Redis refused: ${error.message}`, { answer: error.message }, error);
}

/** All keys under `pattern` on one server, in batches as SCAN gives them. */
export async function* scan(ask: Ask, pattern: string): AsyncGenerator<string[]> {
  let cursor = '0';
  do {
    const words: Words = ['scan', cursor, 'match', pattern, 'count', 500];
    const [answer] = (await ask([words])) as [[string, string[]]];
    cursor = answer[0];
    if (answer[1].length > 0) yield answer[1];
  } while (cursor !== '0');
}
