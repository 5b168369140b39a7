import type { Worker } from 'node:cluster';
import { publish } from '../../../diagnostics.js';

/** The cause of a new worker process in a slot. Every cause but `reload` counts towards the backoff. */
export type RestartCause =
  /** The process exited with a code. */
  | 'exit'
  /** A signal ended it. */
  | 'signal'
  /** It was killed because it gave no sign of life for `stallKillMs`. */
  | 'stalled'
  /** It was killed because it was not ready within `readyTimeoutMs`. */
  | 'not ready'
  /** It could not be forked. */
  | 'not forked'
  /** A reload replaced it. */
  | 'reload'
  /** It left by itself: the app closed its server, or the process got SIGTERM. */
  | 'left';

/** The end of a worker process. */
export interface ExitReason {
  /** The reason in words for people. */
  readonly reason: string;
  readonly cause: RestartCause;
}

/** The part of a worker process that its exit is read from. */
interface ExitingWorker {
  readonly slot: number;
  readonly pid: number | undefined;
  readonly child: Worker;
  /** The reason of the primary, if the primary killed it. */
  readonly exitReason: ExitReason | undefined;
}

interface ExitHooks {
  /** The process has exited and its last message was read. May be called twice for a process that could not be forked. */
  gone(exit: ExitReason): void;
  /** The IPC channel has been closed for 100 ms. Called for every process, also after `gone`. */
  disconnected(): void;
}

/** A process that lives this long after its IPC channel closed is leaving. One that exits earlier is dying. */
const disconnectedAliveMs = 100;

/** Reports how a new worker process ends. */
export function watchExit(worker: ExitingWorker, { gone, disconnected }: ExitHooks): void {
  const { slot, child } = worker;
  // An 'error' event without a listener would end the primary. The end of a running process is reported by 'exit'.
  child.on('error', (error) => {
    publish('limpet:fault', () => ({ where: `worker of slot ${slot}`, error }));
    if (worker.pid !== undefined) return;
    gone({ reason: `it could not be forked: ${error.message}`, cause: 'not forked' });
  });
  // Messages of a dead worker arrive until 'disconnect'. Only then is it known which connections the worker took.
  let exit: ExitReason | undefined;
  const reportIfOver = () => {
    if (exit !== undefined && !child.isConnected()) gone(worker.exitReason ?? exit);
  };
  child.on('disconnect', () => {
    reportIfOver();
    setTimeout(disconnected, disconnectedAliveMs).unref();
  });
  child.on('exit', (code, signal) => {
    exit = signal
      ? { reason: `killed by ${signal}`, cause: 'signal' }
      : { reason: `exited with code ${code}`, cause: 'exit' };
    reportIfOver();
  });
}
