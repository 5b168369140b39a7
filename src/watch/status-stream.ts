import type { ServerResponse } from 'node:http';
import type { Router } from '../cluster/primary/router.js';

const everyMs = 1000;
const watchersMax = 32;
/** Who does not read is not sent more. */
const unreadBytesMax = 1_048_576;

/** Tells browsers, by server-sent events, what the router does; while nobody watches it does nothing. */
export class Watchers {
  readonly #router: Router;
  readonly #watching: Set<ServerResponse> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #ring = '';

  constructor(router: Router) {
    this.#router = router;
  }

  add(response: ServerResponse): void {
    if (this.#watching.size >= watchersMax) {
      response.writeHead(503).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('retry: 1000\n\n');
    this.#watching.add(response);
    response.on('close', () => this.#forget(response));
    this.#ring = ringText(this.#router);
    tell(response, 'ring', this.#ring);
    tell(response, 'status', JSON.stringify(this.#router.status()));
    this.#timer ??= setInterval(() => this.#tellAll(), everyMs).unref();
  }

  #tellAll(): void {
    const ring = ringText(this.#router);
    const changed = ring !== this.#ring;
    this.#ring = ring;
    const status = JSON.stringify(this.#router.status());
    for (const response of this.#watching) {
      if (response.writableLength > unreadBytesMax) response.destroy();
      if (changed) tell(response, 'ring', ring);
      tell(response, 'status', status);
    }
  }

  #forget(response: ServerResponse): void {
    this.#watching.delete(response);
    if (this.#watching.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function tell(response: ServerResponse, event: string, data: string): void {
  response.write(`event: ${event}\ndata: ${data}\n\n`);
}

function ringText(router: Router): string {
  return JSON.stringify(router.ring());
}
