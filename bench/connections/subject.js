import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { withDescriptors } from './descriptors.js';
import { cpuSecondsOf, membersOf, memoryOf, prefer } from './processes.js';

const startWithinMs = 20_000;
/** More workers take longer: each a second of one core at worst. */
const startEachMs = 1000;

/** A subject that runs: every process that it started, told apart by whether it answers requests. */
export class RunningSubject {
  #leader;
  /** The processes that answer: each request is answered with the id of the process that served it. */
  #workers;

  constructor(leader, port, workers) {
    this.#leader = leader;
    this.#workers = workers;
    this.port = port;
  }

  /**
   * Starts a subject on a free port; resolves once every worker has answered.
   * @param {{ command: string[], env: Record<string, string>, workers: number }} how
   * @returns {Promise<RunningSubject>} rejects with what the subject wrote when it does not come up in 20 s
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
    let said = '';
    leader.stderr.setEncoding('utf8').on('data', (text) => {
      said = (said + text).slice(-2000);
    });
    const subject = new RunningSubject(leader, port, new Set());
    const deadline = performance.now() + startWithinMs + workers * startEachMs;
    for (let i = 0; subject.#workers.size < workers; i++) {
      const pid = await answeringWorker(port, `127.2.${(i >> 8) & 255}.${i & 255}`);
      if (pid) subject.#workers.add(pid);
      else await delay(20);
      if (leader.exitCode === null && performance.now() < deadline) continue;
      await subject.stop();
      throw new Error(`${subject.#workers.size} of ${workers} workers answered. ${said.trim()}`);
    }
    return subject;
  }

  get workers() {
    return [...this.#workers];
  }

  /** CPU seconds so far of router and workers. */
  cpu() {
    return this.#each(cpuSecondsOf);
  }

  /** Memory now of router and workers, MiB. */
  memory() {
    return this.#each(memoryOf);
  }

  /** Ends every process at once. */
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

/** The process that answers a client at that address; undefined when none does. */
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
