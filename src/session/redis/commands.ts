import { storeClosed, storeRefused } from '../core/store-errors.js';
import type { Repeat } from './command-connection.js';
import { type Command, isServerAnswer } from './ioredis.js';
import type { ServerConnection } from './server-connection.js';
import type { Answers, Ask, RedisTopology } from './topology.js';
import type { Write } from './writes.js';

export interface CommandSettings {
  readonly commandTimeoutMs: number;
  /** A write succeeds when this number of replicas has it; 0 waits for none. */
  readonly replicas: number;
  /** Redis does not allow scripts. From now on, writes are plain commands. */
  readonly onScriptsRefused: (reason: string) => void;
}

const noScripts = /^NOPERM\b.*\beval|unknown command.*\beval|scripts? .*(not allowed|disabled)/i;

/** Sends the commands on rows: bounded in time, confirmed by replicas if the options ask for it, and with limpet's error codes. */
export class RedisCommands {
  /** Why writes are plain commands; undefined while they are scripts. */
  scriptsReason: string | undefined;
  closed = false;
  readonly #topology: RedisTopology;
  readonly #settings: CommandSettings;

  constructor(topology: RedisTopology, settings: CommandSettings) {
    this.#topology = topology;
    this.#settings = settings;
  }

  /** Sends commands that change nothing. */
  read(key: string, connection: ServerConnection | undefined, commands: Command[]): Promise<Answers> {
    return this.#exec(key, connection, commands, 'repeatable');
  }

  remove(key: string): Promise<Answers> {
    const connection = this.#topology.connectionFor(key);
    return this.#exec(key, connection, this.#confirmed([['del', key]]), 'repeatable');
  }

  /** Runs the script of a write. When scripts are not allowed, sends its plain commands. */
  async write(
    key: string,
    connection: ServerConnection | undefined,
    { script, words, plain }: Pick<Write<unknown>, 'script' | 'words' | 'plain'>,
    repeat: Repeat,
  ): Promise<Answers> {
    const run = (commands: Command[]) => this.#exec(key, connection, this.#confirmed(commands), repeat);
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

  /** Yields all keys that begin with `prefix`, on every server, in batches. */
  async *keys(prefix: string): AsyncGenerator<string[]> {
    const pattern = `${prefix.replace(/[*?[\]\\]/g, '\\$&')}*`;
    if (this.closed) throw storeClosed();
    try {
      for (const ask of await this.#topology.servers()) yield* scan(ask, pattern);
    } catch (error) {
      throw refusal(error);
    }
  }

  close(): void {
    this.closed = true;
    this.#topology.close();
  }

  /** Adds WAIT to a write if the option `replicas` asks for it. WAIT answers with the number of replicas that have the write. */
  #confirmed(commands: Command[]): Command[] {
    const { replicas, commandTimeoutMs } = this.#settings;
    return replicas === 0 ? commands : [...commands, ['wait', replicas, Math.ceil(commandTimeoutMs / 2)]];
  }

  async #exec(
    key: string,
    connection: ServerConnection | undefined,
    commands: Command[],
    repeat: Repeat,
  ): Promise<Answers> {
    if (this.closed) throw storeClosed();
    const endsAt = performance.now() + this.#settings.commandTimeoutMs;
    let result: Answers;
    try {
      result = await this.#topology.exec({ key, connection, commands, endsAt, repeat });
    } catch (error) {
      throw refusal(error);
    }
    const { replicas } = this.#settings;
    if (commands.at(-1)?.[0] === 'wait' && Number(result.answers.pop()) < replicas) {
      throw storeRefused(
        `Fewer than ${replicas} replicas have confirmed the write. It may be lost in a failover: check the replicas, or lower the option replicas.`,
        { replicas },
      );
    }
    return result;
  }
}

/** Whether `error` is a refusal by Redis whose message matches. */
function answered(error: unknown, pattern: RegExp): boolean {
  const { answer } = (error as { facts?: { answer?: unknown } }).facts ?? {};
  return typeof answer === 'string' && pattern.test(answer);
}

/** Turns Redis's own error into ERR_LIMPET_STORE. Returns any other error unchanged. */
function refusal(error: unknown): unknown {
  if (!isServerAnswer(error)) return error;
  return storeRefused(`Redis refused: ${error.message}`, { answer: error.message }, error);
}

/** Yields all keys that match `pattern` on one server, in the batches of SCAN. */
async function* scan(ask: Ask, pattern: string): AsyncGenerator<string[]> {
  let cursor = '0';
  do {
    const words: Command = ['scan', cursor, 'match', pattern, 'count', 500];
    const [answer] = (await ask([words])) as [[string, string[]]];
    cursor = answer[0];
    if (answer[1].length > 0) yield answer[1];
  } while (cursor !== '0');
}
