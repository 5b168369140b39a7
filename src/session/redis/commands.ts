import { storeClosed, storeRefused } from '../core/backend.js';
import type { Words } from './ioredis.js';
import type { RedisLink, Repeat } from './server-connection.js';
import { type RedisRoute, refusal, scan } from './topology.js';
import type { Script } from './writes.js';

export interface CommandSettings {
  readonly commandTimeoutMs: number;
  /** A write is confirmed once so many replicas have it; 0 asks none. */
  readonly replicas: number;
  /** From now on writes are plain commands. */
  readonly onScriptsRefused: (reason: string) => void;
}

/** One write, in both ways that there are to make it. */
export interface Write {
  readonly script: Script;
  readonly words: Words;
  readonly plain: (key: string) => Words[];
}

/** `tracked`: the answers came through the link that was given. */
export interface Answers {
  readonly answers: unknown[];
  readonly tracked: boolean;
}

const noScripts = /^NOPERM\b.*\beval|unknown command.*\beval|scripts? .*(not allowed|disabled)/i;

/** Commands on rows: bounded in time, confirmed by replicas where that is asked for, refused as limpet's callers know it. */
export class RedisCommands {
  /** Why writes are no scripts; undefined while they are. */
  scriptsReason: string | undefined;
  closed = false;
  readonly #route: RedisRoute;
  readonly #settings: CommandSettings;

  constructor(route: RedisRoute, settings: CommandSettings) {
    this.#route = route;
    this.#settings = settings;
  }

  /** Of commands that change nothing. */
  read(key: string, link: RedisLink | undefined, commands: Words[]): Promise<Answers> {
    return this.#exec(key, link, commands, 'repeatable');
  }

  remove(key: string): Promise<Answers> {
    return this.#exec(key, this.#route.link(key), this.#confirmed([['del', key]]), 'repeatable');
  }

  /** By script, with its one answer; where scripts are not allowed, in plain commands that end in a read of the key. */
  async write(
    key: string,
    link: RedisLink | undefined,
    { script, words, plain }: Write,
    repeat: Repeat,
  ): Promise<Answers> {
    const run = (commands: Words[]) => this.#exec(key, link, this.#confirmed(commands), repeat);
    if (this.scriptsReason === undefined) {
      try {
        const { answers, tracked } = await run([['evalsha', script.digest, 1, key, ...words]]).catch(
          (error) => {
            if (!answered(error, /^NOSCRIPT\b/)) throw error;
            return run([['eval', script.source, 1, key, ...words]]);
          },
        );
        return { answers: answers.slice(0, 1), tracked };
      } catch (error) {
        if (!answered(error, noScripts)) throw error;
        this.scriptsReason = (error as Error).message;
        this.#settings.onScriptsRefused(this.scriptsReason);
      }
    }
    return run(plain(key));
  }

  /** All keys that begin with `prefix`, on every server, in batches. */
  async *keys(prefix: string): AsyncGenerator<string[]> {
    const pattern = `${prefix.replace(/[*?[\]\\]/g, '\\$&')}*`;
    if (this.closed) throw storeClosed();
    try {
      for (const ask of await this.#route.servers()) yield* scan(ask, pattern);
    } catch (error) {
      throw refusal(error);
    }
  }

  close(): void {
    this.closed = true;
    this.#route.close();
  }

  /** With `replicas`, a write is followed by WAIT, whose count must be reached. */
  #confirmed(commands: Words[]): Words[] {
    const { replicas, commandTimeoutMs } = this.#settings;
    return replicas === 0 ? commands : [...commands, ['wait', replicas, Math.ceil(commandTimeoutMs / 2)]];
  }

  async #exec(key: string, link: RedisLink | undefined, commands: Words[], repeat: Repeat): Promise<Answers> {
    if (this.closed) throw storeClosed();
    const endsAt = performance.now() + this.#settings.commandTimeoutMs;
    let result: Answers;
    try {
      result = await this.#route.exec({ key, link, commands, endsAt, repeat });
    } catch (error) {
      throw refusal(error);
    }
    const { replicas } = this.#settings;
    if (commands.at(-1)?.[0] === 'wait' && Number(result.answers.pop()) < replicas) {
      throw storeRefused(`Fewer than ${replicas} replicas have confirmed the write`, { replicas });
    }
    return result;
  }
}

function answered(error: unknown, pattern: RegExp): boolean {
  const { answer } = (error as { facts?: { answer?: unknown } }).facts ?? {};
  return typeof answer === 'string' && pattern.test(answer);
}
