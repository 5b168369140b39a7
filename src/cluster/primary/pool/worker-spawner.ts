import { publish } from '../../../diagnostics.js';
import type { CheckedRouterOptions } from '../../../options.js';
import { forkWorker } from './fork.js';
import { WorkerProcess } from './worker-process.js';

/** Forks worker processes. Each living process has a worker index of its own: its part of the shared memory. */
export class WorkerSpawner {
  readonly #options: CheckedRouterOptions;
  readonly #inheritedDescriptors: (slot: number) => readonly number[];
  readonly #fork: typeof forkWorker;
  readonly #freeIndexes: number[];

  /** `indexes` is the number of processes that can live at the same time. A new process inherits `inheritedDescriptors(slot)`. */
  constructor(
    options: CheckedRouterOptions,
    indexes: number,
    inheritedDescriptors: (slot: number) => readonly number[],
    fork: typeof forkWorker = forkWorker,
  ) {
    this.#options = options;
    this.#inheritedDescriptors = inheritedDescriptors;
    this.#fork = fork;
    this.#freeIndexes = Array.from({ length: indexes }, (_, i) => indexes - 1 - i);
  }

  /** Returns the new process. If there is none, returns the reason in words for people. */
  spawn(slot: number): WorkerProcess | string {
    const index = this.#freeIndexes.pop();
    if (index === undefined) return 'too many processes are still draining';
    try {
      const child = this.#fork(this.#options, slot, index, this.#inheritedDescriptors(slot));
      return new WorkerProcess(slot, index, child);
    } catch (error) {
      this.#freeIndexes.push(index);
      publish('limpet:fault', () => ({ where: 'fork', error }));
      return `it could not be forked: ${(error as Error).message}`;
    }
  }

  /** The process has ended: another one may have its index. */
  releaseIndex({ index }: WorkerProcess): void {
    this.#freeIndexes.push(index);
  }
}
