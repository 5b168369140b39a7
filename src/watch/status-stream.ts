import type { ServerResponse } from 'node:http';
import type { Router } from '../cluster/primary/router.js';

const intervalMs = 1000;
const clientsMax = 32;
/** A browser that has left more than this unread is disconnected. */
const unreadBytesMax = 1_048_576;

/** Sends the router's status to browsers every second, as server-sent events. Without a browser it does nothing. */
export class StatusStream {
  readonly #router: Router;
  readonly #clients: Set<ServerResponse> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #ring = '';

  constructor(router: Router) {
    this.#router = router;
  }

  add(response: ServerResponse): void {
    if (this.#clients.size >= clientsMax) {
      response.writeHead(503).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('retry: 1000\n\n');
    this.#clients.add(response);
    response.on('close', () => this.#remove(response));
    this.#ring = ringText(this.#router);
    send(response, 'ring', this.#ring);
    send(response, 'status', JSON.stringify(this.#router.status()));
    this.#timer ??= setInterval(() => this.#sendAll(), intervalMs).unref();
  }

  #sendAll(): void {
    const ring = ringText(this.#router);
    const changed = ring !== this.#ring;
    this.#ring = ring;
    const status = JSON.stringify(this.#router.status());
    for (const response of this.#clients) {
      if (response.writableLength > unreadBytesMax) response.destroy();
      if (changed) send(response, 'ring', ring);
      send(response, 'status', status);
    }
  }

  #remove(response: ServerResponse): void {
    this.#clients.delete(response);
    if (this.#clients.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function send(response: ServerResponse, event: string, data: string): void {
  response.write(`event: ${event}\ndata: ${data}\n\n`);
}

function ringText(router: Router): string {
  return JSON.stringify(router.ring());
}
