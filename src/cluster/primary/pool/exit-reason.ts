import { publish } from '../../../diagnostics.js';
import type { ExitReason } from './lifecycle.js';
import type { WorkerProcess } from './worker-process.js';

/** A process whose channel closed and that did not exit for so long is leaving, not dying. */
const disconnectedAliveMs = 100;

/** How the end of a process is told. */
interface ExitHooks {
  /** The process is gone, and has said all that it will say. May be called again for one that could not be forked. */
  gone(ending: ExitReason): void;
  /** Its channel has closed: nothing more can be handed to it. Called for one that is gone too. */
  disconnected(): void;
}

/** Attends a new process until its end. */
export function watchExit(worker: WorkerProcess, { gone, disconnected }: ExitHooks): void {
  const { slot, child } = worker;
  // An 'error' without a listener would end the primary; what became of the process is told by its exit.
  child.on('error', (error) => {
    publish('limpet:fault', () => ({ where: `worker of slot ${slot}`, error }));
    if (worker.pid !== undefined) return;
    gone({ reason: `it could not be forked: ${error.message}`, cause: 'not forked' });
  });
  // What the process had sent before it died is read until 'disconnect': only then is it known what it took.
  let exit: ExitReason | undefined;
  const over = () => {
    if (exit !== undefined && !child.isConnected()) gone(worker.exitReason ?? exit);
  };
  child.on('disconnect', () => {
    over();
    setTimeout(disconnected, disconnectedAliveMs).unref();
  });
  child.on('exit', (code, signal) => {
    exit = signal
      ? { reason: `killed by ${signal}`, cause: 'signal' }
      : { reason: `exited with code ${code}`, cause: 'exit' };
    over();
  });
}
