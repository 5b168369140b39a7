import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathOf } from '../../scripts/test-tools.js';

/** A real server process (Redis, nginx, HAProxy, …) that a test has started, in a temporary directory of its own. */
export interface Service {
  readonly process: ChildProcess;
  readonly port: number;
  readonly directory: string;
  /** What the process has printed so far. */
  readonly output: () => string;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Ends the process with SIGKILL and waits for that; the directory stays. */
  readonly kill: () => Promise<void>;
  /** Starts the process again, on the same port and directory. */
  readonly restart: () => Promise<void>;
  /** Ends the process and removes the directory. */
  readonly stop: () => Promise<void>;
}

export interface ServiceOptions {
  readonly command: string;
  /** Port on 127.0.0.1 that the service must listen on; `freePort()` by default. */
  readonly port?: number;
  /** From port and directory to the command line; write configuration files here. */
  readonly args: (port: number, directory: string) => string[];
  readonly readyTimeoutMs?: number;
}

/** Starts a server and waits until its port accepts connections. Rejects with its output when it ends before. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const path = pathOf(options.command);
  if (!path) throw new Error(`${options.command} is not installed: run node scripts/prepare-tests.js`);
  const port = options.port ?? (await freePort());
  const directory = mkdtempSync(join(tmpdir(), `limpet-${options.command}-`));
  const args = options.args(port, directory);
  let output = '';
  let child: ChildProcess;

  const start = async (): Promise<void> => {
    child = spawn(path, args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
    children.add(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const endsAt = Date.now() + (options.readyTimeoutMs ?? 10_000);
    while (!(await accepts(port))) {
      if (child.exitCode !== null || Date.now() > endsAt) {
        child.kill('SIGKILL');
        throw new Error(`${options.command} did not listen on ${port}:\n${output}`);
      }
    }
  };
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    children.delete(child);
  };
  const stop = async (): Promise<void> => {
    await kill();
    rmSync(directory, { recursive: true, force: true });
  };

  await start().catch(async (error) => {
    await stop();
    throw error;
  });
  return {
    get process() {
      return child;
    },
    port,
    directory,
    output: () => output,
    signal: (signal) => child.kill(signal),
    kill,
    restart: start,
    stop,
  };
}

const given = new Set<number>();

/**
 * A port of 127.0.0.1 that nothing listens on; never the same one twice in this process. With `also`, the port that is
 * so much higher is free as well; both are then below those that the system gives to clients.
 */
export async function freePort(also?: number): Promise<number> {
  for (;;) {
    const wanted = also === undefined ? 0 : 15_000 + Math.floor(Math.random() * (32_768 - 15_000 - also));
    const port = await listens(wanted);
    if (port === undefined || given.has(port)) continue;
    if (also !== undefined && (await listens(port + also)) === undefined) continue;
    given.add(port);
    return port;
  }
}

/** The first of `count` ports in a row that nothing listens on, below those that the system gives to clients. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = 15_000 + Math.floor(Math.random() * (32_768 - 15_000 - count));
    const row = Array.from({ length: count }, (_, i) => first + i);
    const free = await Promise.all(row.map((port) => (given.has(port) ? undefined : listens(port))));
    if (free.includes(undefined)) continue;
    for (const port of row) given.add(port);
    return first;
  }
}

/** The port, when it could be listened on. */
function listens(wanted: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(wanted, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** Resolves as soon as it is known, at the latest after 100 ms. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (answer: boolean): void => {
      socket.destroy();
      // A refusal comes at once: do not ask again in a tight loop.
      if (answer) resolve(true);
      else setTimeout(resolve, 10, false);
    };
    socket.once('connect', () => settle(true)).once('error', () => settle(false));
    socket.setTimeout(100, () => settle(false));
  });
}

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
