/** Puts limpet's cookie on responses, whatever else the app does with its headers. */
import type { IncomingMessage, OutgoingHttpHeader, ServerResponse } from 'node:http';
import type { CookieIssuer } from './cookie.js';

const handled: unique symbol = Symbol('limpet.cookie');

/** What of a uWebSockets.js request is used. */
export interface UwsRequest {
  /** Empty where there is none. */
  getHeader(lowerCaseName: string): string;
}
/** What of a uWebSockets.js response is used. */
export interface UwsResponse {
  /** Called at most once, for Set-Cookie. */
  writeHeader(name: string, value: string): unknown;
}

/**
 * Sees to it that the response carries the cookie, where the client has none that leads here. The value is added when the
 * headers are sent: beside other cookies, also those given to writeHead. A second call for a response does nothing.
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

/** The same for uWebSockets.js, in the place where the handler writes its headers. */
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
 * Headers given to writeHead, with a further Set-Cookie: there, it would replace what was set before. Undefined where they have
 * none. A copy: an app may keep one object for all its answers.
 */
function withSetCookie(headers: unknown, value: string): object | undefined {
  if (Array.isArray(headers)) {
    if (!headers.some((name) => isSetCookie(Array.isArray(name) ? name[0] : name))) return undefined;
    return headers.concat(Array.isArray(headers[0]) ? [['Set-Cookie', value]] : ['Set-Cookie', value]);
  }
  if (typeof headers !== 'object' || headers === null) return undefined;
  const given = headers as Record<string, OutgoingHttpHeader>;
  const name = Object.keys(given).find(isSetCookie);
  if (name === undefined) return undefined;
  return { ...given, [name]: [given[name] ?? []].flat().map(String).concat(value) };
}

function isSetCookie(name: unknown): boolean {
  return typeof name === 'string' && name.toLowerCase() === 'set-cookie';
}
