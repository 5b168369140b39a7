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
    const headers = rest.at(-1);
    if (!addTo(headers, value)) this.appendHeader('Set-Cookie', value);
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

/** Adds to the Set-Cookie among headers given to writeHead, which would replace what was set before. False without one. */
function addTo(headers: unknown, value: string): boolean {
  if (Array.isArray(headers)) {
    if (!headers.some((name) => isSetCookie(Array.isArray(name) ? name[0] : name))) return false;
    if (Array.isArray(headers[0])) headers.push(['Set-Cookie', value]);
    else headers.push('Set-Cookie', value);
    return true;
  }
  if (typeof headers !== 'object' || headers === null) return false;
  const given = headers as Record<string, OutgoingHttpHeader>;
  const name = Object.keys(given).find(isSetCookie);
  if (name === undefined) return false;
  given[name] = [given[name] ?? []].flat().map(String).concat(value);
  return true;
}

function isSetCookie(name: unknown): boolean {
  return typeof name === 'string' && name.toLowerCase() === 'set-cookie';
}
