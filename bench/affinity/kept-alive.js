import { once } from 'node:events';
import { connect } from 'node:net';

/** Kept-alive connections to a subject. Each sends its next request as soon as the response to the last one is complete. */
export class KeptAlive {
  #connections;

  constructor(connections) {
    this.#connections = connections;
  }

  /**
   * Opens connections. The first request of each decides its worker.
   * @param {number} port
   * @param {number} width how many
   * @param {string} cookie of the first request
   * @returns {Promise<KeptAlive>} when all first requests are answered
   */
  static async open(port, width, cookie) {
    const connections = await Promise.all(
      Array.from({ length: width }, async () => {
        const socket = connect({ port, host: '127.0.0.1', noDelay: true });
        await once(socket, 'connect');
        await ask(socket, cookie);
        return socket;
      }),
    );
    return new KeptAlive(connections);
  }

  /**
   * Sends `requests` requests with the cookie, over all connections.
   * @returns {Promise<Set<string>>} the process ids that answered
   */
  async ask(requests, cookie) {
    const answered = new Set();
    let left = requests;
    await Promise.all(
      this.#connections.map(async (socket) => {
        while (left-- > 0) answered.add((await ask(socket, cookie)).body);
      }),
    );
    return answered;
  }

  close() {
    for (const socket of this.#connections) socket.destroy();
  }
}

/** Sends one request and reads the response. Nothing else may use the connection at the same time. */
export async function ask(socket, cookie) {
  socket.write(`GET / HTTP/1.1\r\nHost: bench\r\n${cookie ? `Cookie: ${cookie}\r\n` : ''}\r\n`);
  let text = '';
  for (;;) {
    const [chunk] = await once(socket, 'data');
    text += chunk.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1]);
    if (end >= 0 && text.length >= end + 4 + length) {
      return { body: text.slice(end + 4), cookie: /set-cookie: ([^;\r]+)/i.exec(text)?.[1] };
    }
  }
}
