import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { WebSocket } from 'ws';

export interface Answer {
  readonly client: Client;
  readonly place: string;
  readonly requests: number;
  readonly told: string;
}

export interface Failure {
  readonly client: Client;
  readonly what: string;
}

/** Behaves like a browser: it has an address, a cookie jar, one kept-alive connection, and sometimes a WebSocket. */
export class Client {
  readonly from: string;
  readonly #port: number;
  readonly #agent: Agent;
  readonly #jar: Map<string, string> = new Map();
  /** Forged headers, sent with each request. They must have no effect. */
  spoof: Record<string, string> = {};
  sent = 0;
  socket: WebSocket | undefined;

  constructor(number: number, port: number) {
    this.from = `127.${20 + Math.floor(number / 62_500)}.${Math.floor(number / 250) % 250}.${1 + (number % 250)}`;
    this.#port = port;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1, localAddress: this.from });
  }

  /** Sends a request. As browsers do, it repeats a safe request if the kept-alive connection closes before the response. */
  async ask(): Promise<Answer> {
    this.sent += 1;
    // Every third request is a POST, which must not be sent twice.
    const method = this.sent % 3 === 0 ? 'POST' : 'GET';
    const attemptsMax = method === 'GET' ? 2 : 1;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(method);
      } catch (error) {
        if (attempt >= attemptsMax || !(error as { reused?: boolean }).reused) throw error;
      }
    }
  }

  #once(method: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const cookie = [
        ...this.#jar,
        ...Object.entries(this.spoof.cookie ? { limpet_edge: this.spoof.cookie } : {}),
      ]
        .map(([name, value]) => `${name}=${value}`)
        .join('; ');
      const headers = { ...this.spoof, ...(cookie && { cookie }) };
      const asked = request({ port: this.#port, host: '127.0.0.1', agent: this.#agent, method, headers });
      asked.on('response', async (response) => {
        try {
          const text = Buffer.concat(await response.toArray()).toString();
          if (response.statusCode !== 200) throw new Error(`${method} ${response.statusCode}`);
          this.#keep(response);
          const { node, slot, requests, told } = JSON.parse(text);
          resolve({ client: this, place: `${node}-${slot}`, requests, told });
        } catch (error) {
          reject(error);
        }
      });
      asked.on('error', (error) => reject(Object.assign(error, { reused: asked.reusedSocket })));
      asked.end();
    });
  }

  /** Opens a WebSocket and leaves it open. Resolves with the worker that serves it. */
  async open(): Promise<string> {
    const headers = { cookie: [...this.#jar].map(([name, value]) => `${name}=${value}`).join('; ') };
    const socket = new WebSocket(`ws://127.0.0.1:${this.#port}/`, { localAddress: this.from, headers });
    this.socket = socket;
    return new Promise((resolve, reject) => {
      socket.once('open', () => socket.send('?'));
      socket.once('message', (data) => {
        const { node, slot } = JSON.parse(String(data));
        resolve(`${node}-${slot}`);
      });
      socket.once('error', reject);
    });
  }

  close(): void {
    this.#agent.destroy();
    this.socket?.terminate();
  }

  #keep(response: IncomingMessage): void {
    if (this.spoof.cookie) return;
    for (const line of response.headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      this.#jar.set(name, value);
    }
  }
}

/** Many clients. Each sends a request, waits, and sends the next. All answers and failures are kept. */
export class Fleet {
  readonly clients: readonly Client[];
  readonly answers: Answer[] = [];
  readonly failures: Failure[] = [];
  readonly #thinkMs: number;
  #running = false;
  #loops: Promise<void>[] = [];

  constructor(count: number, port: number, thinkMs: number) {
    this.clients = Array.from({ length: count }, (_, number) => new Client(number, port));
    this.#thinkMs = thinkMs;
  }

  start(): void {
    this.#running = true;
    this.#loops = this.clients.map(async (client, i) => {
      await wait((this.#thinkMs * i) / this.clients.length);
      while (this.#running) {
        await this.#ask(client);
        await wait(this.#thinkMs);
      }
    });
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#loops);
  }

  /** Sends one request from each client. Returns the worker that serves each. */
  async census(width = 32): Promise<Map<Client, string>> {
    const places = new Map<Client, string>();
    const waiting = [...this.clients];
    const askNext = async () => {
      for (let client = waiting.shift(); client; client = waiting.shift()) {
        const answer = await this.#ask(client);
        if (answer) places.set(client, answer.place);
      }
    };
    await Promise.all(Array.from({ length: width }, askNext));
    return places;
  }

  close(): void {
    for (const client of this.clients) client.close();
  }

  async #ask(client: Client): Promise<Answer | undefined> {
    try {
      const answer = await client.ask();
      this.answers.push(answer);
      return answer;
    } catch (error) {
      this.failures.push({ client, what: (error as Error).message });
      return undefined;
    }
  }
}
