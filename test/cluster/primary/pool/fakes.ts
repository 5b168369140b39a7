import type { Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';
import { WorkerProcess } from '../../../../src/cluster/primary/pool/worker-process.ts';
import type { PrimaryMessage, WorkerMessage } from '../../../../src/cluster/protocol.ts';
import type { RawHandle } from '../../../../src/connection.ts';

/** Replaces the `process` of a cluster worker. */
class FakeProcess extends EventEmitter {
  connected = true;
  /** What the primary sent, oldest first. */
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
