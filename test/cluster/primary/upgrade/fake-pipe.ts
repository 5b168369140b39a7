import { Duplex } from 'node:stream';
import { vi } from 'vitest';

/** One end of the pipe between an old and a new primary. The test plays the other end. */
export class FakePipe extends Duplex {
  /** The lines that were written since the last call. */
  readonly #written: string[] = [];
  readonly unref = vi.fn();

  override _read(): void {}

  override _write(chunk: unknown, _encoding: string, done: () => void): void {
    this.#written.push(String(chunk));
    done();
  }

  /** The other end sends a message. */
  receive(message: object): void {
    this.push(`${JSON.stringify(message)}\n`);
  }

  /** The messages that were written since the last call, each on a line of its own. */
  takeWritten(): unknown[] {
    const lines = this.#written.splice(0).join('').split('\n');
    if (lines.pop() !== '') throw new Error('the last line has no end');
    return lines.map((line) => JSON.parse(line) as unknown);
  }
}
