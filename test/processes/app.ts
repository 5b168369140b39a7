import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A message of a fixture app: a JSON object on a line of its own. */
export interface Told {
  readonly event: string;
  readonly [fact: string]: unknown;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const messageTimeoutMs = 45_000;

/** A fixture app in a process of its own, started as a user would start it. */
export class App {
  /** All messages so far. */
  readonly told: Told[] = [];
  readonly ended: Promise<Ended>;
  /** All lines so far, messages included. */
  output = '';
  readonly #child: ChildProcess;
  #wakers: (() => void)[] = [];
  #over = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.ended = once(child, 'close').then(([code, signal]) => ({ code, signal }));
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => this.#line(line));
    }
    this.ended.then(() => {
      this.#over = true;
      this.#wake();
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Resolves with the first (or `nth`) message that matches. Rejects with the output if the app ends or the time is over. */
  hears(
    event: string,
    match: (told: Told) => boolean = () => true,
    nth = 1,
    withinMs = messageTimeoutMs,
  ): Promise<Told> {
    return this.#finds(event, (told) => told.event === event && match(told), nth, withinMs);
  }

  /** Resolves with the first (or `nth`) line of limpet's JSON log whose text matches. Rejects as `hears` does. */
  says(text: RegExp, nth = 1): Promise<Told> {
    return this.#finds(`${text}`, ({ msg }) => text.test(`${msg}`), nth);
  }

  async #finds(
    what: string,
    match: (told: Told) => boolean,
    nth: number,
    withinMs = messageTimeoutMs,
  ): Promise<Told> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const found = this.told.filter(match)[nth - 1];
      if (found) return found;
      if (this.#over || Date.now() > deadline)
        throw new Error(`the app sent no message ${what}. Its output:\n${this.output}`);
      await this.#nextLine();
    }
  }

  /** Resolves when the app has printed `text`. Rejects with the output if the app ends or the time is over. */
  async outputs(text: string): Promise<void> {
    const deadline = Date.now() + messageTimeoutMs;
    while (!this.output.includes(text)) {
      if (this.#over || Date.now() > deadline)
        throw new Error(`the app did not print ${text}. Its output:\n${this.output}`);
      await this.#nextLine();
    }
  }

  /** Sends a line to the app's standard input. */
  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends the app with SIGTERM, and with SIGKILL after 10 s. Resolves when it has ended. */
  async stop(): Promise<Ended> {
    this.#child.kill('SIGTERM');
    const force = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    const ended = await this.ended;
    clearTimeout(force);
    return ended;
  }

  /** Resolves when the app prints a line, or after a second. */
  #nextLine(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakers.push(resolve);
      setTimeout(resolve, 1000).unref();
    });
  }

  #line(line: string): void {
    this.output += `${line}\n`;
    if (line.startsWith('{')) {
      try {
        this.told.push(JSON.parse(line) as Told);
      } catch {
        // Two processes wrote at the same time, so the line is not a message.
      }
    }
    this.#wake();
  }

  #wake(): void {
    for (const waker of this.#wakers.splice(0)) waker();
  }
}

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));

/** Starts `test/fixtures/<file>`. `env` is added to the environment of the tests. `node` is the Node.js binary that runs it. */
export function startApp(
  file: string,
  options: { args?: string[]; env?: Record<string, string>; node?: string } = {},
): App {
  const child = spawn(options.node ?? process.execPath, [fixtures + file, ...(options.args ?? [])], {
    env: { ...process.env, NODE_ENV: 'test', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return new App(child);
}
