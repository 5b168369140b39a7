import type { IncomingMessage, ServerResponse } from 'node:http';
import { setCookieOn, setCookieOnUws, type UwsRequest, type UwsResponse } from '../../affinity/set-cookie.js';
import { worker } from './worker.js';

/**
 * Returns a middleware that sets limpet's cookie on a response. It works in Express and Connect, `app.use(affinityCookie())`, and in a
 * plain request handler, `affinityCookie()(request, response)`. A Node server given to listen() sets the cookie by itself. The
 * middleware does nothing if the router's affinity has no cookie.
 */
export function affinityCookie(): (
  request: IncomingMessage,
  response: ServerResponse,
  next?: (error?: unknown) => void,
) => void {
  return (request, response, next) => {
    if (worker.cookies) setCookieOn(request, response, worker.cookies);
    next?.();
  };
}

/**
 * Sets limpet's cookie on a response of uWebSockets.js. Call it at the point of the handler that writes the response's headers.
 * `secure`: clients connect by TLS, to limpet or to a proxy in front of it. Does nothing if the router's affinity has no cookie.
 */
export function writeAffinityCookie(response: UwsResponse, request: UwsRequest, secure = false): void {
  if (worker.cookies) setCookieOnUws(request, response, secure, worker.cookies);
}
