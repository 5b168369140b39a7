import { readSync } from 'node:fs';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { handoffBinding } from '../../../binding/handoff-binding.js';
import { bindingReport } from '../../../binding/native.js';
import { LimpetError } from '../../../errors.js';
import { type HandoverMessage, type HandoverState, handoverVariable, lineOf } from './handover-state.js';

/** The primary whose place this process takes. It serves until every worker here is ready. If this process fails, it serves on. */
export class OldPrimary {
  readonly state: HandoverState;
  /** Resolves when the old primary has handed the router over, or is gone. */
  readonly handedOver: Promise<void>;
  readonly #pipe: Socket;
  readonly #readyWorkers: Set<unknown> = new Set();
  #isServing = true;

  private constructor(state: HandoverState, pipe: Socket) {
    this.state = state;
    this.#pipe = pipe;
    pipe.unref();
    pipe.on('error', () => {});
    this.handedOver = new Promise((resolve) => {
      pipe.once('close', () => resolve());
      const lines = createInterface({ input: pipe });
      // readline emits the errors of the pipe again. Its 'close' says that the old primary is gone.
      lines.on('error', () => {});
      lines.on('line', (line) => {
        if ((JSON.parse(line) as HandoverMessage).yours) resolve();
      });
    });
  }

  /**
   * Reads what the old primary hands over. Undefined in a process that no primary has started, and after the first call. Throws
   * ERR_LIMPET_UPGRADE if the old primary speaks another version.
   */
  static connect(): OldPrimary | undefined {
    const fd = Number(process.env[handoverVariable] ?? Number.NaN);
    delete process.env[handoverVariable];
    if (!Number.isInteger(fd)) return undefined;
    const state = JSON.parse(readLine(fd)) as HandoverState;
    if (state.version !== 1) throw otherVersion();
    const binding = bindingReport().kind === 'native' ? handoffBinding() : null;
    for (const inherited of [fd, ...state.sockets.flatMap(({ descriptors }) => descriptors)]) {
      binding?.closeOnExec(inherited);
    }
    return new OldPrimary(state, new Socket({ fd, readable: true, writable: true }));
  }

  /** True until the first workers are admitted here. */
  get isServing(): boolean {
    return this.#isServing;
  }

  /**
   * The workers that may take connections, now that `worker` is ready. None, until the current workers of all slots, `inSlots`, are
   * ready: a new primary that fails has then taken no connection. Then all that are ready. Later each by itself.
   */
  admit<Worker>(worker: Worker, inSlots: readonly (Worker | undefined)[]): readonly Worker[] {
    if (!this.#isServing) return [worker];
    this.#readyWorkers.add(worker);
    if (!inSlots.every((each) => each && this.#readyWorkers.has(each))) return [];
    this.#isServing = false;
    return [...this.#readyWorkers] as Worker[];
  }

  /** Tells the old primary that a worker serves in every slot. */
  sendReady(): void {
    this.#pipe.write(lineOf({ ready: true }));
  }

  /** Tells the old primary that this process gives up. */
  sendFailed(reason: string): void {
    if (this.#pipe.writable) this.#pipe.write(lineOf({ failed: reason }));
  }
}

/** Reads byte by byte, because the bytes after the line belong to the stream. Blocks: the old primary writes this line first. */
function readLine(fd: number): string {
  const byte = Buffer.alloc(1);
  const bytes: number[] = [];
  while (readSync(fd, byte, 0, 1, null) === 1 && byte[0] !== 0x0a) bytes.push(byte[0] as number);
  return Buffer.from(bytes).toString();
}

function otherVersion(): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_UPGRADE',
    'the running primary hands over in a format of another limpet version. Stop it and start this one instead.',
  );
}
