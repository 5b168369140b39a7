import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { LimpetError } from '../../../errors.js';
import { type HandoverMessage, type HandoverState, handoverVariable, lineOf } from './handover-state.js';

/** Descriptors of the new process: 0 to 2 are the standard streams, 3 is the pipe, the listening sockets follow. */
const pipeDescriptor = 3;
/** A new primary that has failed may run on for this long, for instance to print its error. */
const exitGraceMs = 2000;
/** Init programs of containers. Each ends the container when its first child ends. */
const containerInits = ['tini', 'docker-init', 'dumb-init', 'catatonit'];

/** The folder in which this process began. A deployment may point its name, a symbolic link, to another folder later. */
const workingFolder: string = nameOfWorkingFolder();

/** The process that takes this primary's place. */
export class NewPrimary {
  /** Resolves when a worker serves in every slot. Rejects with ERR_LIMPET_UPGRADE if the process fails; it has then ended. */
  readonly served: Promise<void>;
  readonly #child: ChildProcess;
  readonly #pipe: Duplex;

  /**
   * Runs this process's own command line again and hands over `state`. A process that does not serve within `timeoutMs` (0: no
   * limit) is killed. Throws ERR_LIMPET_UPGRADE if the system would end the new process together with this one.
   */
  constructor(state: HandoverState, timeoutMs: number) {
    refuseInContainer();
    const descriptors = state.sockets.flatMap((each) => each.descriptors);
    this.#child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
      cwd: workingFolder,
      env: { ...process.env, [handoverVariable]: String(pipeDescriptor) },
      stdio: ['inherit', 'inherit', 'inherit', 'pipe', ...descriptors],
    });
    this.#pipe = this.#child.stdio[pipeDescriptor] as Duplex;
    this.#pipe.on('error', () => {});
    this.#pipe.write(lineOf(renumberDescriptors(state)));
    this.served = this.#waitUntilServed(timeoutMs);
    this.served.catch(() => {});
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Tells the process that the router is its own. It outlives this process. */
  release(): void {
    this.#pipe.end(lineOf({ yours: true }));
    this.#child.unref();
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #waitUntilServed(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      /** The reason of a failure before the process has ended. */
      let failure: string | undefined;
      const timers: NodeJS.Timeout[] = [];
      const clearTimers = () => {
        for (const timer of timers) clearTimeout(timer);
      };
      const fail = (reason: string, graceMs: number) => {
        failure ??= reason;
        timers.push(setTimeout(() => this.kill(), graceMs));
      };
      const ended = (reason: string) => {
        clearTimers();
        reject(upgradeFailed(failure ?? reason));
      };
      if (timeoutMs > 0) {
        timers.push(setTimeout(() => fail(`it did not serve within ${timeoutMs} ms`, 0), timeoutMs));
      }
      this.#child.once('error', (error) => ended(`it could not be started: ${error.message}`));
      this.#child.once('exit', (code, signal) =>
        ended(signal ? `killed by ${signal}` : `it ended with code ${code}`),
      );
      const lines = createInterface({ input: this.#pipe });
      // readline emits the errors of the pipe again. The exit of the process says what they mean.
      lines.on('error', () => {});
      lines.on('line', (line) => {
        const message = JSON.parse(line) as HandoverMessage;
        if (message.failed !== undefined) fail(message.failed, exitGraceMs);
        if (!message.ready || failure !== undefined) return;
        clearTimers();
        resolve();
      });
    });
  }
}

/** The state with the numbers that `spawn` gives the descriptors in the new process. */
function renumberDescriptors(state: HandoverState): HandoverState {
  let next = pipeDescriptor + 1;
  const sockets = state.sockets.map((each) => ({
    ...each,
    descriptors: each.descriptors.map(() => next++),
  }));
  return { ...state, sockets };
}

/** A container ends with its first process, and the new primary would end with it. */
function refuseInContainer(): void {
  if (process.platform === 'win32')
    throw upgradeRefused('Windows cannot give a listening socket to another process');
  const instead =
    'start a new container and stop this one (its SIGTERM drains), or use limpet reload for new workers';
  if (process.pid === 1)
    throw upgradeRefused(`this primary is process 1, and the container ends with it: ${instead}`);
  if (process.ppid !== 1) return;
  const init = nameOfProcess1();
  if (containerInits.includes(init))
    throw upgradeRefused(`this primary is the child of ${init}, and the container ends with it: ${instead}`);
}

function nameOfProcess1(): string {
  try {
    return readFileSync('/proc/1/comm', 'utf8').trim();
  } catch {
    return '';
  }
}

/** The shell's name for the folder, which may be a symbolic link, or else its real path. */
function nameOfWorkingFolder(): string {
  const [real, named] = [process.cwd(), process.env.PWD];
  try {
    return named !== undefined && realpathSync(named) === real ? named : real;
  } catch {
    return real;
  }
}

/** The error of a primary that cannot be replaced here. Nothing has changed. */
export function upgradeRefused(reason: string): LimpetError {
  return new LimpetError('ERR_LIMPET_UPGRADE', `this primary cannot be replaced: ${reason}.`, { reason });
}

function upgradeFailed(reason: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_UPGRADE',
    `the new primary did not take over (${reason}). Nothing has changed: this primary serves on.`,
    { reason },
  );
}
