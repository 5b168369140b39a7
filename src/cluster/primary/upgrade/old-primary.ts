import { readSync } from 'node:fs';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { handoffBinding } from '../../../binding/handoff-binding.js';
import { bindingReport } from '../../../binding/native.js';
import { LimpetError } from '../../../errors.js';
import { type HandoverMessage, type HandoverState, handoverVariable, lineOf } from './handover-state.js';

/** The primary whose place this one is to take. It serves until this one can, and serves on when this one cannot. */
export class OldPrimary {
  readonly state: HandoverState;
  /** Resolves when the predecessor has left everything to us, or is gone. */
  readonly left: Promise<void>;
  readonly #pipe: Socket;
  readonly #complete: Set<unknown> = new Set();
  #waiting = true;

  private constructor(state: HandoverState, pipe: Socket) {
    this.state = state;
    this.#pipe = pipe;
    pipe.unref();
    pipe.on('error', () => {});
    this.left = new Promise((resolve) => {
      pipe.once('close', () => resolve());
      createInterface({ input: pipe }).on('line', (text) => {
        if ((JSON.parse(text) as HandoverMessage).yours) resolve();
      });
    });
  }

  /** Undefined in a primary that nobody started as a successor, and after the first call. Throws ERR_LIMPET_UPGRADE. */
  static connect(): OldPrimary | undefined {
    const fd = Number(process.env[handoverVariable] ?? Number.NaN);
    delete process.env[handoverVariable];
    if (!Number.isInteger(fd)) return undefined;
    const state = JSON.parse(firstLineOf(fd)) as HandoverState;
    if (state.version !== 1) throw anotherVersion();
    const binding = bindingReport().kind === 'native' ? handoffBinding() : null;
    for (const own of [fd, ...state.sockets.flatMap(({ descriptors }) => descriptors)]) {
      binding?.closeOnExec(own);
    }
    return new OldPrimary(state, new Socket({ fd, readable: true, writable: true }));
  }

  /** Whether nobody of ours serves yet. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /**
   * Who may serve, now that the process could: nobody before all can, so that a new primary that fails has taken no connection; then
   * all at once; and later each for itself. `inSlots` are the processes of all slots.
   */
  admit<Worker>(worker: Worker, inSlots: readonly (Worker | undefined)[]): readonly Worker[] {
    if (!this.#waiting) return [worker];
    this.#complete.add(worker);
    if (!inSlots.every((each) => each && this.#complete.has(each))) return [];
    this.#waiting = false;
    return [...this.#complete] as Worker[];
  }

  /** All that were admitted serve. */
  ready(): void {
    this.#pipe.write(lineOf({ ready: true }));
  }

  failed(reason: string): void {
    if (this.#pipe.writable) this.#pipe.write(lineOf({ failed: reason }));
  }
}

/** The pipe blocks until the line is there: the predecessor wrote it before anything else. */
function firstLineOf(fd: number): string {
  const byte = Buffer.alloc(1);
  const bytes: number[] = [];
  while (readSync(fd, byte, 0, 1, null) === 1 && byte[0] !== 0x0a) bytes.push(byte[0] as number);
  return Buffer.from(bytes).toString();
}

function anotherVersion(): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_UPGRADE',
    'the primary that runs is of a version that this one cannot take over from. Restart instead.',
  );
}
