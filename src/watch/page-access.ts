import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** The status and the reason with which a request is refused. */
export interface Denial {
  readonly status: number;
  readonly reason: string;
}

/**
 * Host headers that mean this machine, whatever a DNS server says. A browser that another site attacks by DNS rebinding sends the
 * host name of that site.
 */
const ownHost = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i;

/**
 * Decides who may see the live page. A browser opens it by a link with a token. The token works once: the browser gets a cookie for
 * it, which it keeps until it exits. Other people may see the link, but not the cookie.
 */
export class PageAccess {
  readonly #cookieValue: string = randomBytes(24).toString('base64url');
  readonly #used: () => void;
  #token: string | undefined;
  #cookieName = '';

  /** Calls `used` when a browser has used the token. */
  constructor(used: () => void) {
    this.#used = used;
  }

  /** Call it when the server listens. The port is part of the cookie's name, because browsers send cookies to every port of a host. */
  open(port: number): void {
    this.#cookieName = `limpet-ui-${port}`;
  }

  /** Returns a new token, and revokes the one before. */
  newToken(): string {
    this.#token = randomBytes(24).toString('base64url');
    return this.#token;
  }

  /** Returns why the request is refused, or undefined if it is allowed. Sets the cookie if the request has a valid token. */
  denialOf(request: IncomingMessage, response: ServerResponse): Denial | undefined {
    if (!ownHost.test(request.headers.host ?? '')) {
      return {
        status: 421,
        reason: 'The host name is not allowed. Open this page as localhost, 127.0.0.1 or [::1].',
      };
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return { status: 405, reason: 'The method is not allowed. This page answers GET and HEAD.' };
    }
    if (this.#hasCookie(request)) return undefined;
    if (this.#redeemToken(request)) {
      response.setHeader(
        'set-cookie',
        `${this.#cookieName}=${this.#cookieValue}; Path=/; HttpOnly; SameSite=Strict`,
      );
      return undefined;
    }
    return {
      status: 403,
      reason:
        'The link is missing or was already used: a link works once. Take the newest link from the log of limpet.',
    };
  }

  #hasCookie({ headers }: IncomingMessage): boolean {
    const cookies = (headers.cookie ?? '').split(/; */).map((pair) => pair.split('='));
    return cookies.some(
      ([name, value = '']) => name === this.#cookieName && isEqual(value, this.#cookieValue),
    );
  }

  #redeemToken(request: IncomingMessage): boolean {
    const [path, query] = (request.url ?? '').split('?');
    const token = path === '/' && request.method === 'GET' && new URLSearchParams(query).get('token');
    if (!token || this.#token === undefined || !isEqual(token, this.#token)) return false;
    this.#token = undefined;
    this.#used();
    return true;
  }
}

/** Compares in constant time. */
function isEqual(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
