import type { Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';
import { vi } from 'vitest';
import type { forkWorker } from '../../../../src/cluster/primary/pool/fork.ts';
import { Supervisor } from '../../../../src/cluster/primary/pool/supervisor.ts';
import { WorkerProcess } from '../../../../src/cluster/primary/pool/worker-process.ts';
import { WorkerSpawner } from '../../../../src/cluster/primary/pool/worker-spawner.ts';
import type { PrimaryMessage, WorkerMessage } from '../../../../src/cluster/protocol.ts';
import type { RawHandle } from '../../../../src/connection.ts';
import { checkRouterOptions, type RouterOptions } from '../../../../src/options.ts';

/** Replaces the `process` of a cluster worker. */
class FakeProcess extends EventEmitter {
  connected = true;
  /** The messages from the primary, oldest first. */
  readonly sent: PrimaryMessage[] = [];
  readonly handles: (RawHandle | undefined)[] = [];
  readonly signals: string[] = [];

  constructor(readonly pid: number | undefined) {
    super();
  }

  send(message: { limpet: PrimaryMessage }, handle?: RawHandle): boolean {
    this.sent.push(message.limpet);
    this.handles.push(handle);
    return true;
  }

  kill(signal: string): boolean {
    this.signals.push(signal);
    return true;
  }
}

/** Replaces a cluster worker: records what is sent to it, and emits what a test tells it to. */
export class FakeChild extends EventEmitter {
  readonly process: FakeProcess;
  #dead = false;

  constructor(pid: number | undefined = 100) {
    super();
    this.process = new FakeProcess(pid);
  }

  get sent(): readonly PrimaryMessage[] {
    return this.process.sent;
  }

  isConnected(): boolean {
    return this.process.connected;
  }

  isDead(): boolean {
    return this.#dead;
  }

  /** The worker sends a message to the primary. */
  say(message: WorkerMessage, handle?: RawHandle): void {
    this.process.emit('internalMessage', { cmd: 'NODE_LIMPET', limpet: message }, handle);
  }

  disconnect(): void {
    this.process.connected = false;
    this.emit('disconnect');
  }

  /** The process exits. Its channel may still hold messages: `disconnect` comes later. */
  exit(code: number | null, signal: string | null = null): void {
    this.#dead = true;
    this.emit('exit', code, signal);
  }

  /** The process exits and its channel closes. */
  end(code: number | null = 0, signal: string | null = null): void {
    this.exit(code, signal);
    this.disconnect();
  }

  /** The fork failed after `cluster.fork()` had returned. */
  failToFork(message: string): void {
    this.#dead = true;
    this.emit('error', new Error(message));
  }
}

export const asWorker = (child: FakeChild) => child as unknown as Worker;

/** A worker process in a slot whose child is a fake. */
export function fakeWorker(
  slot = 0,
  index = slot,
  child: FakeChild = new FakeChild(100 + index),
): { worker: WorkerProcess; child: FakeChild } {
  return { worker: new WorkerProcess(slot, index, asWorker(child)), child };
}

/** Resolves when all promise callbacks that are due have run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** The outcome of a promise: undefined while it is pending. */
export function outcomeOf(promise: Promise<void>): { value?: unknown } {
  const outcome: { value?: unknown } = {};
  promise.then(
    () => {
      outcome.value = 'done';
    },
    (error) => {
      outcome.value = error;
    },
  );
  return outcome;
}

/** A supervisor of processes that are fakes. `log` has what it reported, in order. The process `n` has the pid 100 + n. */
export function supervise(options: RouterOptions = {}, indexes = 20) {
  const checked = checkRouterOptions({ drainTimeoutMs: 5000, ...options });
  const children: FakeChild[] = [];
  const fork = vi.fn<typeof forkWorker>(() => {
    const child = new FakeChild(100 + children.length);
    children.push(child);
    return asWorker(child);
  });
  const log: string[] = [];
  const errors: Error[] = [];
  const supervisor = new Supervisor(checked, new WorkerSpawner(checked, indexes, () => [], fork), {
    message: ({ pid }, { type }, handle) => log.push(`${pid} says ${type} ${handle?.fd ?? ''}`.trim()),
    left: ({ pid }, gone) => log.push(`${pid} left${gone ? ', gone' : ''}`),
    stalled: ({ pid }, stalled) => log.push(`${pid} stalled: ${stalled}`),
    beat: ({ pid }, { open }) => log.push(`${pid} has ${open} open`),
    changed: ({ slot, pid, lifecycle: { state, reason } }) =>
      log.push(`${pid} in ${slot} ${state}: ${reason}`),
    crashLoop: (error) => errors.push(error),
    neverStarted: (error) => {
      log.push('never started');
      errors.push(error);
    },
  });
  const child = (n: number) => children[n] as FakeChild;
  const workerOf = (n: number) =>
    [...supervisor.workers()].find(({ pid }) => pid === 100 + n) as WorkerProcess;
  const ready = (n: number) => supervisor.markReady(workerOf(n), 'its servers are open');
  /** Starts `count` slots, each with a process that is ready. */
  const serve = (count: number) => {
    supervisor.start(count);
    for (let n = 0; n < count; n++) ready(n);
    log.length = 0;
  };
  const pids = () => supervisor.slots.map(({ current }) => current?.pid);
  return { supervisor, children, child, fork, log, errors, workerOf, ready, serve, pids };
}
