import { connect, type Socket } from 'node:net';

/** A TCP client that sends text as it is. */
export class RawClient {
  readonly #socket: Socket;
  #received = '';
  readonly #ended: Promise<void>;

  constructor(port: number, from = '127.0.0.1') {
    this.#socket = connect({ port, host: '127.0.0.1', localAddress: from, allowHalfOpen: true });
    this.#socket.setEncoding('utf8').on('data', (text) => {
      this.#received += text;
    });
    this.#ended = new Promise((resolve, reject) => {
      this.#socket.once('end', resolve).once('error', reject);
    });
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  /** Half-closes the connection: the server may go on sending. */
  halfClose(): void {
    this.#socket.end();
  }

  /** Resolves with everything received when that contains `text`. Rejects if the connection ends before. */
  async until(text: string): Promise<string> {
    while (!this.#received.includes(text)) {
      const ended = await Promise.race([
        this.#ended.then(() => true),
        new Promise<false>((resolve) => this.#socket.once('data', () => resolve(false))),
      ]);
      if (ended && !this.#received.includes(text)) throw new Error(`ended after: ${this.#received}`);
    }
    return this.#received;
  }

  /** Resolves with everything received when the server has ended the connection. */
  async untilEnd(): Promise<string> {
    await this.#ended;
    this.#socket.destroy();
    return this.#received;
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
