import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { forwardRequest } from './forward-request.js';
import { forwardUpgrade } from './forward-upgrade.js';
import { isForwarded } from './peer-socket.js';

/**
 * Looks at each HTTP/1 request before the app does, and forwards the requests of other workers' clients. A keep-alive connection
 * belongs to one worker, but its next request may come from another client: a proxy pools connections, and two sessions share a
 * browser. Behind TLS, requests can only be read here. `peerOf` returns the path of the peer's socket, or undefined if the request
 * belongs to this worker.
 */
export function forwardRequests(
  server: Server,
  peerOf: (request: IncomingMessage) => string | undefined,
): void {
  const { emit } = server;
  const emitToApp = emit.bind(server) as (event: string | symbol, ...args: unknown[]) => boolean;
  server.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    if (event !== 'request' && event !== 'upgrade' && event !== 'checkContinue')
      return emitToApp(event, ...args);
    const request = args[0] as IncomingMessage;
    if (request.httpVersionMajor !== 1 || isForwarded(request.socket)) return emitToApp(event, ...args);
    const path = peerOf(request);
    if (path === undefined) return emitToApp(event, ...args);
    const serveHere = () => emitToApp(event, ...args);
    if (event === 'upgrade') forwardUpgrade(path, request, args[1] as Duplex, args[2] as Buffer, serveHere);
    else forwardRequest(path, request, args[1] as ServerResponse, event === 'checkContinue', serveHere);
    return true;
  };
}
