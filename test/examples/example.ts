import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** An example, started by its one command on a port that the system chooses. */
export interface Example {
  readonly port: number;
  kill(signal: NodeJS.Signals): void;
  /** Ends it as an operator would: exit code and signal. */
  stop(): Promise<[number | null, NodeJS.Signals | null]>;
  /** Kills it, without notice to anybody; resolves when its workers have gone, too. */
  end(): Promise<void>;
}

/** Resolves when the example has printed its address. */
export async function startExample(name: string, env: Record<string, string> = {}): Promise<Example> {
  const file = fileURLToPath(new URL(`../../examples/${name}/app.js`, import.meta.url));
  const example: ChildProcess = spawn(process.execPath, [file], {
    env: { ...process.env, ...env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(example.stdout ?? example, 'data');
  return {
    port: Number(/http:\S+:(\d+)/.exec(String(line))?.[1]),
    kill: (signal) => {
      example.kill(signal);
    },
    stop: async () => {
      const ended = once(example, 'exit');
      example.kill('SIGTERM');
      return (await ended) as [number | null, NodeJS.Signals | null];
    },
    end: async () => {
      // They have its output open.
      const closed = once(example, 'close');
      example.stdout?.resume();
      example.kill('SIGKILL');
      await closed;
    },
  };
}
