import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { LimpetError } from '../../../errors.js';
import { type HandoverMessage, type HandoverState, handoverVariable, lineOf } from './handover-state.js';

/** Standard streams, then the pipe, then the sockets. */
const pipeNumber = 3;
/** A process that said why it failed may take so long to end. */
const lastWordsMs = 2000;
/** Ends with its first child, which is us. */
const inits = ['tini', 'docker-init', 'dumb-init', 'catatonit'];

/** Where the process began, by the name that it was called there: a deployment may have put another folder under that name since. */
const folder: string = folderAsNamed();

/** The process that is to take this primary's place. */
export class NewPrimary {
  /** Resolves when it serves with every slot; rejects with ERR_LIMPET_UPGRADE when it never will. It is then gone. */
  readonly serves: Promise<void>;
  readonly #child: ChildProcess;
  readonly #pipe: Duplex;

  /**
   * Runs this process's own command line again, with what the state says. After `patienceMs` (0: never) it has failed.
   * Throws ERR_LIMPET_UPGRADE where a process cannot be replaced by its own child.
   */
  constructor(state: HandoverState, patienceMs: number) {
    refuseInContainer();
    const descriptors = state.sockets.flatMap((each) => each.descriptors);
    this.#child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
      cwd: folder,
      env: { ...process.env, [handoverVariable]: String(pipeNumber) },
      stdio: ['inherit', 'inherit', 'inherit', 'pipe', ...descriptors],
    });
    this.#pipe = this.#child.stdio[pipeNumber] as Duplex;
    this.#pipe.on('error', () => {});
    this.#pipe.write(lineOf(renumbered(state)));
    this.serves = this.#serves(patienceMs);
    this.serves.catch(() => {});
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Everything is its own from now on, and it lives without us. */
  leaveTo(): void {
    this.#pipe.end(lineOf({ yours: true }));
    this.#child.unref();
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #serves(patienceMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let reason: string | undefined;
      const timers: NodeJS.Timeout[] = [];
      const giveUp = (why: string, graceMs: number) => {
        reason ??= why;
        timers.push(setTimeout(() => this.kill(), graceMs));
      };
      if (patienceMs > 0)
        timers.push(setTimeout(() => giveUp(`it did not serve within ${patienceMs} ms`, 0), patienceMs));
      const over = (how: string) => {
        for (const timer of timers) clearTimeout(timer);
        reject(failed(reason ?? how));
      };
      this.#child.once('error', (error) => over(`it could not be started: ${error.message}`));
      this.#child.once('exit', (code, signal) =>
        over(signal ? `killed by ${signal}` : `it ended with code ${code}`),
      );
      createInterface({ input: this.#pipe }).on('line', (text) => {
        const word = JSON.parse(text) as HandoverMessage;
        if (word.failed !== undefined) giveUp(word.failed, lastWordsMs);
        if (!word.ready || reason !== undefined) return;
        for (const timer of timers) clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** With the numbers that spawn gives to the descriptors. */
function renumbered(state: HandoverState): HandoverState {
  let next = pipeNumber + 1;
  const sockets = state.sockets.map((each) => ({
    ...each,
    descriptors: each.descriptors.map(() => next++),
  }));
  return { ...state, sockets };
}

/** Where the end of this process is the end of the container, a successor would not outlive it. */
function refuseInContainer(): void {
  if (process.platform === 'win32')
    throw refused('Windows cannot give a listening socket to another process');
  const instead =
    'start a new container and stop this one (its SIGTERM drains), or use limpet reload for new workers';
  if (process.pid === 1)
    throw refused(`this primary is process 1, and the container ends with it: ${instead}`);
  if (process.ppid !== 1) return;
  const init = nameOfProcess1();
  if (inits.includes(init))
    throw refused(`the container ends with this primary, which ${init} watches: ${instead}`);
}

function nameOfProcess1(): string {
  try {
    return readFileSync('/proc/1/comm', 'utf8').trim();
  } catch {
    return '';
  }
}

function folderAsNamed(): string {
  const [real, named] = [process.cwd(), process.env.PWD];
  try {
    return named !== undefined && realpathSync(named) === real ? named : real;
  } catch {
    return real;
  }
}

/** Why there is no upgrade; nothing has changed. */
export function refused(reason: string): LimpetError {
  return new LimpetError('ERR_LIMPET_UPGRADE', `no upgrade here: ${reason}.`, { reason });
}

function failed(reason: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_UPGRADE',
    `the new primary did not take over (${reason}). Nothing has changed: this one serves on.`,
    { reason },
  );
}
