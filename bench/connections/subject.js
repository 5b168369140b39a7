import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { withDescriptors } from './descriptors.js';
import { cpuSecondsOf, membersOf, memoryOf, prefer } from './processes.js';

const startWithinMs = 20_000;
/** Additional time for each worker, which needs up to one second of a core to start. */
const startEachMs = 1000;

/** A running subject with all its processes. A process that answers requests is a worker; the others are the router. */
export class RunningSubject {
  #leader;
  /** The process ids of the workers. Each response contains the id of its process. */
  #workers;

  constructor(leader, port, workers) {
    this.#leader = leader;
    this.#workers = workers;
    this.port = port;
  }

  /**
   * Starts a subject on a free port. Resolves when every worker has answered.
   * @param {{ command: string[], env: Record<string, string>, workers: number }} how
   * @returns {Promise<RunningSubject>} rejects with the output of the subject if not all workers answer in time: 20 s, and 1 s for each
   */
  static async start({ command, env, workers }) {
    const port = await freePort();
    const [file, ...args] = withDescriptors(command).map((word) => word.replace('{port}', String(port)));
    const leader = spawn(file, args, {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...env, PORT: String(port), BENCH_WORKERS: String(workers) },
    });
    prefer(leader.pid);
    let output = '';
    leader.stderr.setEncoding('utf8').on('data', (text) => {
      output = (output + text).slice(-2000);
    });
    const subject = new RunningSubject(leader, port, new Set());
    const deadline = performance.now() + startWithinMs + workers * startEachMs;
    for (let i = 0; subject.#workers.size < workers; i++) {
      const pid = await answeringWorker(port, `127.2.${(i >> 8) & 255}.${i & 255}`);
      if (pid) subject.#workers.add(pid);
      else await delay(20);
      if (leader.exitCode === null && performance.now() < deadline) continue;
      await subject.stop();
      throw new Error(
        `${subject.#workers.size} of ${workers} workers answered in time, expected all. ${output.trim()}`,
      );
    }
    return subject;
  }

  get workers() {
    return [...this.#workers];
  }

  /** The CPU seconds that router and workers have used so far. */
  cpu() {
    return this.#each(cpuSecondsOf);
  }

  /** The memory of router and workers now, in MiB. */
  memory() {
    return this.#each(memoryOf);
  }

  /** Kills every process, and waits until all have exited. */
  async stop() {
    const gone = this.#leader.exitCode === null && once(this.#leader, 'exit');
    try {
      process.kill(-this.#leader.pid, 'SIGKILL');
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
    await gone;
    while (membersOf(this.#leader.pid).length > 0) await delay(10);
  }

  #each(measure) {
    const members = membersOf(this.#leader.pid);
    return {
      router: measure(members.filter((pid) => !this.#workers.has(pid))),
      workers: measure(members.filter((pid) => this.#workers.has(pid))),
    };
  }
}

async function freePort() {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** The process id that answers a client with this address; undefined if there is no answer. */
function answeringWorker(port, localAddress) {
  return new Promise((resolve) => {
    const request = get(
      { port, host: '127.0.0.1', localAddress, agent: false, timeout: 2000 },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text) => {
          body += text;
        });
        response.on('end', () => resolve(Number.parseInt(body, 10) || undefined));
      },
    );
    request.on('error', () => resolve(undefined));
    request.on('timeout', () => request.destroy());
  });
}
