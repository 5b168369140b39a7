import { connect, type Socket } from 'node:net';

/** A connection on which a test writes bytes as it likes. */
export class RawConnection {
  readonly socket: Socket;
  /** Resolves with all that was received when the other side has closed; never rejects. */
  readonly closed: Promise<string>;
  received = '';
  error: Error | undefined;
  #wake: () => void = () => {};

  constructor(port: number, from = '127.0.0.1') {
    this.socket = connect({ port, host: '127.0.0.1', localAddress: from, allowHalfOpen: true });
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1');
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      const over = (): void => {
        this.#wake();
        resolve(this.received);
        this.socket.destroy();
      };
      this.socket.on('end', over);
      this.socket.on('close', over);
    });
    this.socket.on('error', (error) => {
      this.error = error;
    });
  }

  /** Writes, and resolves when the kernel has the bytes. */
  write(bytes: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, () => resolve());
    });
  }

  /** Resolves when `pattern` has been received. Rejects when the other side closes first. */
  async until(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const match = this.received.match(pattern);
      if (match) return match;
      if (this.socket.destroyed || this.socket.readableEnded) {
        throw new Error(`closed before ${pattern}: ${JSON.stringify(this.received)}`);
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** Sends `bytes` whole, and gives the JSON body of the response. */
export async function exchange<T>(port: number, bytes: string | Uint8Array, from?: string): Promise<T> {
  const connection = new RawConnection(port, from);
  await connection.write(bytes);
  const [, body] = await connection.until(/\r\n\r\n(?:[0-9a-f]+\r\n)?(\{.*\})/);
  connection.socket.destroy();
  return JSON.parse(body as string) as T;
}
