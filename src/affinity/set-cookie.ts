/** Adds limpet's cookie to responses. Headers and cookies that the app sets are kept. */
import type { IncomingMessage, OutgoingHttpHeader, ServerResponse } from 'node:http';
import type { CookieIssuer } from './cookie.js';

const handled: unique symbol = Symbol('limpet.cookie');

/** The part of a uWebSockets.js request that limpet uses. */
export interface UwsRequest {
  /** An empty text if the header is absent. */
  getHeader(lowerCaseName: string): string;
}
/** The part of a uWebSockets.js response that limpet uses. */
export interface UwsResponse {
  /** Called at most once, for Set-Cookie. */
  writeHeader(name: string, value: string): unknown;
}

/**
 * Adds the cookie to the response, unless the client has one that leads to this worker. It is added when the headers are sent, next to all
 * other cookies, including those that the app gives to writeHead. A second call for a response is a no-op.
 */
export function setCookieOn(
  request: IncomingMessage,
  response: ServerResponse & { [handled]?: true },
  issuer: CookieIssuer,
): void {
  if (response[handled] || response.headersSent) return;
  response[handled] = true;
  const secure = 'encrypted' in request.socket && request.socket.encrypted === true;
  const value = issuer.setCookie(request.headers.cookie, secure);
  if (value === undefined) return;
  const writeHead = response.writeHead;
  response.writeHead = function withCookie(this: ServerResponse, status: number, ...rest: unknown[]) {
    response.writeHead = writeHead;
    const headers = withSetCookie(rest.at(-1), value);
    if (headers) rest.splice(-1, 1, headers);
    else this.appendHeader('Set-Cookie', value);
    return Reflect.apply(writeHead, this, [status, ...rest]);
  } as ServerResponse['writeHead'];
}

/** The same for uWebSockets.js. Call it where the handler writes its headers. */
export function setCookieOnUws(
  request: UwsRequest,
  response: UwsResponse,
  secure: boolean,
  issuer: CookieIssuer,
): void {
  const value = issuer.setCookie(request.getHeader('cookie'), secure);
  if (value !== undefined) response.writeHeader('Set-Cookie', value);
}

/**
 * A copy of the headers that the app gave to writeHead, with `value` added to their Set-Cookie. That Set-Cookie would replace one that was
 * set with appendHeader. Undefined if the headers have no Set-Cookie. The app's object stays unchanged: the app may use it for every response.
 */
function withSetCookie(headers: unknown, value: string): object | undefined {
  if (Array.isArray(headers)) {
    if (!headers.some((name) => isSetCookie(Array.isArray(name) ? name[0] : name))) return undefined;
    return headers.concat(Array.isArray(headers[0]) ? [['Set-Cookie', value]] : ['Set-Cookie', value]);
  }
  if (typeof headers !== 'object' || headers === null) return undefined;
  const own = headers as Record<string, OutgoingHttpHeader>;
  const name = Object.keys(own).find(isSetCookie);
  if (name === undefined) return undefined;
  return { ...own, [name]: [own[name] ?? []].flat().map(String).concat(value) };
}

function isSetCookie(name: unknown): boolean {
  return typeof name === 'string' && name.toLowerCase() === 'set-cookie';
}
