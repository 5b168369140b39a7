import { connect, type Socket } from 'node:net';

/** A TCP client that writes bytes as they are. */
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

  /** Closes this side only: the other may go on talking. */
  halfClose(): void {
    this.#socket.end();
  }

  /** All that came until `text` has come. Rejects when the connection ends before. */
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

  /** All that came until the other side closed. */
  async untilEnd(): Promise<string> {
    await this.#ended;
    this.#socket.destroy();
    return this.#received;
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
