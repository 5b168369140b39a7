import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { makeProxyHeader } from '../proxied-client.js';
import { headerPairs } from './forwarded-headers.js';

/**
 * Forwards an upgrade request to the peer that listens at `path`, and then the bytes of both directions. All headers are forwarded,
 * hop-by-hop ones too, because the peer answers the upgrade itself. `serveHere` is called instead if the peer cannot be reached.
 */
export function forwardUpgrade(
  path: string,
  request: IncomingMessage,
  client: Duplex,
  head: Buffer,
  serveHere: () => void,
): void {
  const peer = connect({ path, allowHalfOpen: true });
  const closePeer = () => peer.destroy();
  const fallBack = () => {
    client.off('error', closePeer).off('close', closePeer);
    serveHere();
  };
  // Node has removed its own error listener. Without this one, a client that resets now would cause an uncaught error.
  client.on('error', closePeer).on('close', closePeer);
  peer.once('error', fallBack);
  peer.once('connect', () => {
    peer.off('error', fallBack);
    const lines = [
      `${request.method} ${request.url} HTTP/1.1`,
      ...headerPairs(request.rawHeaders).map(([name, value]) => `${name}: ${value}`),
    ];
    peer.write(makeProxyHeader(request.socket.remoteAddress, request.socket.remotePort));
    peer.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
    peer.write(head);
    peer.on('error', () => client.destroy()).on('close', () => client.destroy());
    client.pipe(peer).pipe(client);
  });
}
