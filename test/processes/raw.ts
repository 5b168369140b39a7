import { connect, type Socket } from 'node:net';

/** A TCP connection on which a test writes any bytes. */
export class RawConnection {
  readonly socket: Socket;
  /** Resolves with all received bytes when the other side has closed. Never rejects. */
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
      const onClosed = (): void => {
        this.#wake();
        resolve(this.received);
        this.socket.destroy();
      };
      this.socket.on('end', onClosed);
      this.socket.on('close', onClosed);
    });
    this.socket.on('error', (error) => {
      this.error = error;
    });
  }

  /** Resolves when the kernel has the bytes. */
  write(bytes: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, () => resolve());
    });
  }

  /** Resolves when the received text matches `pattern`. Rejects if the other side closes first. */
  async until(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const match = this.received.match(pattern);
      if (match) return match;
      if (this.socket.destroyed || this.socket.readableEnded) {
        throw new Error(
          `the connection was closed before ${pattern} was received. Received: ${JSON.stringify(this.received)}`,
        );
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** Sends `bytes` on a new connection. Returns the JSON body of the response. */
export async function exchange<T>(port: number, bytes: string | Uint8Array, from?: string): Promise<T> {
  const connection = new RawConnection(port, from);
  await connection.write(bytes);
  const [, body] = await connection.until(/\r\n\r\n(?:[0-9a-f]+\r\n)?(\{.*\})/);
  connection.socket.destroy();
  return JSON.parse(body as string) as T;
}
