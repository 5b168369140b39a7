import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Why a request is not answered. */
export interface Denial {
  readonly status: number;
  readonly reason: string;
}

/** A name that resolves to this machine whatever a DNS server says: a page of another site cannot make a browser send it. */
const ownHost = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i;

/**
 * Lets in whoever brings the token, once: it is exchanged for a cookie that the browser keeps until it is closed. The token is in
 * a link, and links are seen by others; the cookie is not.
 */
export class Gate {
  readonly #pass: string = randomBytes(24).toString('base64url');
  readonly #used: () => void;
  #token: string | undefined;
  #cookie = '';

  /** `used` is called when the token has let somebody in. */
  constructor(used: () => void) {
    this.#used = used;
  }

  /** The server listens: its port names the cookie, since browsers send cookies to every port of a host. */
  open(port: number): void {
    this.#cookie = `limpet-ui-${port}`;
  }

  /** A new token; the one before is worth nothing any more. */
  token(): string {
    this.#token = randomBytes(24).toString('base64url');
    return this.#token;
  }

  /** Undefined when the request may be answered. Sets the cookie on the response to a good token. */
  refuses(request: IncomingMessage, response: ServerResponse): Denial | undefined {
    if (!ownHost.test(request.headers.host ?? '')) {
      return { status: 421, reason: 'This page answers to localhost, 127.0.0.1 and [::1] only.' };
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return { status: 405, reason: 'This page is for reading.' };
    }
    if (this.#hasPass(request)) return undefined;
    if (this.#takesToken(request)) {
      response.setHeader('set-cookie', `${this.#cookie}=${this.#pass}; Path=/; HttpOnly; SameSite=Strict`);
      return undefined;
    }
    return {
      status: 403,
      reason: 'This page opens by its link, which works once. Ask limpet for a new one.',
    };
  }

  #hasPass({ headers }: IncomingMessage): boolean {
    const cookies = (headers.cookie ?? '').split(/; */).map((pair) => pair.split('='));
    return cookies.some(([name, value = '']) => name === this.#cookie && same(value, this.#pass));
  }

  #takesToken(request: IncomingMessage): boolean {
    const [path, query] = (request.url ?? '').split('?');
    const brought = path === '/' && request.method === 'GET' && new URLSearchParams(query).get('token');
    if (!brought || this.#token === undefined || !same(brought, this.#token)) return false;
    this.#token = undefined;
    this.#used();
    return true;
  }
}

function same(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
