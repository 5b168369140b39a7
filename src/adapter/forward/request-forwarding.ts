import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { forwardRequest, forwardUpgrade } from './forward-request.js';
import { isForwarded } from './peer-socket.js';

/**
 * Looks at each HTTP/1 request before the app does, and passes those of other workers' clients on: a kept-alive connection
 * belongs to one worker, but its next request may be another client's (a proxy pools connections, two sessions share a browser's), and
 * behind TLS nobody could look before. `ownerOf` gives the path of the owner's door, or undefined where the request belongs here.
 */
export function forwardRequests(
  server: Server,
  ownerOf: (request: IncomingMessage) => string | undefined,
): void {
  const { emit } = server;
  const toApp = emit.bind(server) as (event: string | symbol, ...args: unknown[]) => boolean;
  server.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    if (event !== 'request' && event !== 'upgrade' && event !== 'checkContinue') return toApp(event, ...args);
    const request = args[0] as IncomingMessage;
    if (request.httpVersionMajor !== 1 || isForwarded(request.socket)) return toApp(event, ...args);
    const path = ownerOf(request);
    if (path === undefined) return toApp(event, ...args);
    const serveHere = () => toApp(event, ...args);
    if (event === 'upgrade') forwardUpgrade(path, request, args[1] as Duplex, args[2] as Buffer, serveHere);
    else forwardRequest(path, request, args[1] as ServerResponse, event === 'checkContinue', serveHere);
    return true;
  };
}
