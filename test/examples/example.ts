import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A running example on a port that the system chose. */
export interface Example {
  readonly port: number;
  kill(signal: NodeJS.Signals): void;
  /** Sends SIGTERM. Resolves with the exit code and the signal. */
  stop(): Promise<[number | null, NodeJS.Signals | null]>;
  /** Kills the primary. Resolves when the workers have exited, too. */
  end(): Promise<void>;
}

/** Starts an example. Resolves when it has printed its address. */
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
      // The workers have the output of the primary open.
      const closed = once(example, 'close');
      example.stdout?.resume();
      example.kill('SIGKILL');
      await closed;
    },
  };
}
