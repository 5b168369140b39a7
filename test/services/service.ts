import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathOf } from '../../scripts/test-tools.js';

/** A real server process (Redis, nginx, HAProxy, …) that a test has started, with a temporary directory of its own. */
export interface Service {
  readonly process: ChildProcess;
  readonly port: number;
  readonly directory: string;
  /** Returns all that the process has printed so far. */
  readonly output: () => string;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Kills the process with SIGKILL and waits for its exit. The directory stays. */
  readonly kill: () => Promise<void>;
  /** Starts the process again, with the same port and directory. */
  readonly restart: () => Promise<void>;
  /** Kills the process and removes the directory. */
  readonly stop: () => Promise<void>;
}

export interface ServiceOptions {
  readonly command: string;
  /** Port of 127.0.0.1 on which the service must listen. Default: `freePort()`. */
  readonly port?: number;
  /** Returns the arguments of the command. Writes configuration files into the directory. */
  readonly args: (port: number, directory: string) => string[];
  /** Default 10,000. */
  readonly readyTimeoutMs?: number;
}

/** Starts a server and waits until its port accepts connections. Rejects with its output if it exits first, or after `readyTimeoutMs`. */
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

const usedPorts = new Set<number>();

/**
 * Resolves with a free port of 127.0.0.1, never the same one twice in this process. With `offset`, the port plus `offset` is free too,
 * and both are below the ephemeral ports (32,768), which the system gives to clients.
 */
export async function freePort(offset?: number): Promise<number> {
  for (;;) {
    const wanted = offset === undefined ? 0 : 15_000 + Math.floor(Math.random() * (32_768 - 15_000 - offset));
    const port = await listens(wanted);
    if (port === undefined || usedPorts.has(port)) continue;
    if (offset !== undefined && (await listens(port + offset)) === undefined) continue;
    usedPorts.add(port);
    return port;
  }
}

/** Resolves with the first of `count` consecutive free ports, below the ephemeral ports (32,768). */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = 15_000 + Math.floor(Math.random() * (32_768 - 15_000 - count));
    const ports = Array.from({ length: count }, (_, i) => first + i);
    const free = await Promise.all(ports.map((port) => (usedPorts.has(port) ? undefined : listens(port))));
    if (free.includes(undefined)) continue;
    for (const port of ports) usedPorts.add(port);
    return first;
  }
}

/** Listens on a port for a moment. Resolves with the port, or with undefined if that failed. 0 lets the system choose. */
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

/** Resolves with whether the port accepts a connection, after 100 ms at most. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (answer: boolean): void => {
      socket.destroy();
      // A refusal comes at once. Wait 10 ms, because the caller asks again in a loop.
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
