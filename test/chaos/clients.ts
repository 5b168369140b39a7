import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';

/** One request or message, and its answer if there was one. */
export interface Asked {
  /** `connection/number`: unique in a run. */
  readonly what: string;
  readonly answer?: { readonly slot: number; readonly pid: number };
}

/** One connection of a client, from connect() to its end. Times are in ms since the epoch. */
export interface Visit {
  readonly kind: 'short' | 'kept alive' | 'WebSocket';
  readonly from: string;
  readonly startedAt: number;
  /** When the first answer came, or when the connection ended without one. */
  placedAt: number;
  endedAt: number;
  readonly asked: Asked[];
  /** Whether the server ever sent a byte. Until then this is a new connection. */
  heard: boolean;
  /** The error that ended the connection before the client did. */
  failure?: string;
}

/** A client gives up after this time. It is longer than the longest backoff between two processes of a slot. */
const answerTimeoutMs = 25_000;

export interface CrowdOptions {
  readonly port: number;
  readonly addresses: readonly string[];
  readonly random: () => number;
  /** Clients of each of the three kinds at a time. */
  readonly clientsOfEachKind: number;
  /** The mean pause of a client between two connections. */
  readonly pauseMs: number;
}

/** Clients of all kinds that make one connection after another until they are told to stop. */
export class Crowd {
  /** A record for each connection, as the client saw it. */
  readonly visits: Visit[] = [];
  readonly #options: CrowdOptions;
  readonly #clients: Promise<void>[];
  #stopped = false;
  #connections = 0;

  constructor(options: CrowdOptions) {
    this.#options = options;
    this.#clients = Array.from({ length: options.clientsOfEachKind }, () => [
      this.#client('short', (visit) => this.#http(visit, 1)),
      this.#client('kept alive', (visit) => this.#http(visit, requestsFor(options.random()))),
      this.#client('WebSocket', (visit) => this.#webSocket(visit, requestsFor(options.random()))),
    ]).flat();
  }

  /** No client makes a new connection. Resolves when the last connection has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#clients);
  }

  async #client(kind: Visit['kind'], connectAndAsk: (visit: Visit) => Promise<void>): Promise<void> {
    const { addresses, random, pauseMs } = this.#options;
    while (!this.#stopped) {
      const from = addresses[Math.floor(random() * addresses.length)] as string;
      const visit: Visit = {
        kind,
        from,
        startedAt: Date.now(),
        placedAt: 0,
        endedAt: 0,
        asked: [],
        heard: false,
      };
      this.visits.push(visit);
      await connectAndAsk(visit).catch((error: Error) => {
        visit.failure = error.message;
      });
      visit.endedAt = Date.now();
      visit.placedAt ||= visit.endedAt;
      await pause(pauseMs * 2 * random());
    }
  }

  /** Sends `requests` requests on one connection, or fewer if a response says `Connection: close`. */
  async #http(visit: Visit, requests: number): Promise<void> {
    const { port, random } = this.#options;
    const id = this.#connections++;
    const socket = connect({ port, host: '127.0.0.1', localAddress: visit.from, noDelay: true });
    try {
      for (let number = 0; number < requests; number++) {
        const what = `${id}/${number}`;
        const slow = random() < 0.1 ? Math.floor(random() * 300) : 0;
        if (number > 0) await pause(200 * random());
        // The server closed an idle connection. No request was lost.
        if (socket.readableEnded || socket.destroyed) return;
        const text = await new Promise<string>((resolve, reject) => {
          let received = '';
          const settle = (error?: Error) => {
            clearTimeout(timer);
            socket.off('data', onData).off('error', settle).off('close', onClose);
            if (error) reject(error);
            else resolve(received);
          };
          const onClose = () => settle(new Error(received === '' ? 'closed' : 'closed within an answer'));
          const onData = (data: Buffer) => {
            visit.heard = true;
            received += data.toString('latin1');
            const [head, body] = received.split('\r\n\r\n', 2);
            const length = /^content-length: (\d+)/im.exec(head as string)?.[1];
            if (body !== undefined && body.length >= Number(length)) settle();
          };
          const timer = setTimeout(() => settle(new Error('no answer')), answerTimeoutMs);
          socket.on('data', onData).on('error', settle).on('close', onClose);
          visit.asked.push({ what });
          const end = requests === 1 ? 'Connection: close\r\n' : '';
          socket.write(`GET /${what}?ms=${slow} HTTP/1.1\r\nHost: x\r\n${end}\r\n`);
        });
        this.#answered(visit, text.slice(text.indexOf('\r\n\r\n') + 4));
        if (/^connection: close/im.test(text)) return;
      }
    } finally {
      socket.on('error', () => {}).destroy();
    }
  }

  async #webSocket(visit: Visit, messages: number): Promise<void> {
    const { port, random } = this.#options;
    const id = this.#connections++;
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { localAddress: visit.from });
    let wake: (message?: string, error?: Error) => void = () => {};
    let over: Error | undefined;
    const end = (error: Error) => {
      over ??= error;
      wake(undefined, over);
    };
    socket.on('message', (data) => wake(String(data)));
    socket.on('error', end);
    socket.on('close', (code) => end(new Error(`closed with ${code}`)));
    const next = (begin: () => void) =>
      new Promise<string>((resolve, reject) => {
        const timer = setTimeout(() => wake(undefined, new Error('no answer')), answerTimeoutMs);
        wake = (message = '', error) => {
          clearTimeout(timer);
          if (error) reject(error);
          else resolve(message);
        };
        begin();
        if (over) wake(undefined, over);
      });
    try {
      await next(() => socket.once('open', () => wake()));
      visit.heard = true;
      for (let number = 0; number < messages; number++) {
        if (number > 0) await pause(200 * random());
        if (over) return;
        const what = `${id}/${number}`;
        this.#answered(
          visit,
          await next(() => {
            visit.asked.push({ what });
            socket.send(what);
          }),
        );
      }
    } finally {
      socket.terminate();
    }
  }

  #answered(visit: Visit, text: string): void {
    const { slot, pid, what } = JSON.parse(text) as { slot: number; pid: number; what: string };
    const asked = visit.asked.at(-1) as Asked;
    if (asked.what !== what) throw new Error(`asked ${asked.what}, was answered ${what}`);
    visit.asked[visit.asked.length - 1] = { what, answer: { slot, pid } };
    visit.placedAt ||= Date.now();
  }
}

/** The number of requests on one connection: mostly a few, sometimes so many that they last longer than a drain. */
function requestsFor(random: number): number {
  return 2 + Math.floor(80 * random ** 4);
}
