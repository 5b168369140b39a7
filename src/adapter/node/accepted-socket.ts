/**
 * Makes the net.Socket of an accepted connection without Node 20's slow path. Node 20's V8 makes a new hidden class for each
 * property that is added to an object copied with `{ ...options }`, each time anew. net.Socket adds three such properties to its
 * options, which takes an eighth of a worker's time for a connection.
 *
 * With these properties already set, making the socket takes a tenth of the time or less (bench/micro/sockets.js). Node 22 (V8 12)
 * has no such cost and uses its own path.
 */
import { channel } from 'node:diagnostics_channel';
import { type Server, Socket, type SocketConstructorOpts } from 'node:net';
import type { RawHandle } from '../../connection.js';

/** The undocumented properties of a server that Node's own onconnection uses (lib/net.js of Node 20). */
export interface Accepting extends Server {
  _connections: number;
  readonly allowHalfOpen: boolean;
  readonly pauseOnConnect: boolean;
  readonly highWaterMark: number;
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
  /** Seconds. */
  readonly keepAliveInitialDelay: number;
}

/** Whether this Node.js has the slow path. */
export const copiesAreSlow: boolean = Number.parseInt(process.versions.v8, 10) < 12;

const socketChannel = channel('net.server.socket');

/**
 * Does what Node 20's onconnection does with a connection that the server accepts. Returns false, and does nothing, if the server
 * has reached `maxConnections`: Node's onconnection must drop the connection then.
 */
export function acceptSocket(server: Accepting, handle: RawHandle): boolean {
  if (server.maxConnections && server._connections >= server.maxConnections) return false;
  const socket = new Socket({
    handle,
    allowHalfOpen: server.allowHalfOpen,
    pauseOnCreate: server.pauseOnConnect,
    readable: true,
    writable: true,
    readableHighWaterMark: server.highWaterMark,
    writableHighWaterMark: server.highWaterMark,
    // The three properties that net.Socket would add, with the values that it would give them.
    emitClose: false,
    autoDestroy: true,
    decodeStrings: false,
  } as SocketConstructorOpts) as Socket & { server: Server; _server: Server };
  if (server.noDelay) socket.setNoDelay(true);
  if (server.keepAlive) socket.setKeepAlive(true, server.keepAliveInitialDelay * 1000);
  server._connections += 1;
  socket.server = server;
  socket._server = server;
  server.emit('connection', socket);
  if (socketChannel.hasSubscribers) socketChannel.publish({ socket });
  return true;
}
