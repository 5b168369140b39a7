import type { IncomingMessage, ServerResponse } from 'node:http';
import { setCookieOn, setCookieOnUws, type UwsRequest, type UwsResponse } from '../../affinity/set-cookie.js';
import { worker } from './worker.js';

/**
 * Puts limpet's cookie on a response: Express and Connect middleware, `app.use(affinityCookie())`, or called by a plain
 * handler, `affinityCookie()(request, response)`. A Node server given to listen() does this by itself. Nothing
 * happens where affinity has no cookie.
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
 * The same for uWebSockets.js: call it where the handler writes its headers. `secure` says whether clients come by TLS, in
 * limpet or in front of it.
 */
export function writeAffinityCookie(response: UwsResponse, request: UwsRequest, secure = false): void {
  if (worker.cookies) setCookieOnUws(request, response, secure, worker.cookies);
}
