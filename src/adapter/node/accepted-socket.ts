/**
 * How a net.Server makes an accepted connection's handle a socket of its own, where Node's way is slow. Node 20's V8 gives an
 * object that is copied with `{ ...options }` a new hidden class for each property that is added to the copy, every time anew, and
 * net.Socket adds three: an eighth of what a worker spends on a connection. Where they are there
 * already, making the socket takes a tenth of the time or less (bench/micro/sockets.js). Node 22 (V8 12) needs none of this.
 */
import { channel } from 'node:diagnostics_channel';
import { type Server, Socket, type SocketConstructorOpts } from 'node:net';
import type { RawHandle } from '../../connection.js';

/** What Node's own onconnection (lib/net.js of Node 20) uses of a server beyond its documentation. */
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

export const copiesAreSlow: boolean = Number.parseInt(process.versions.v8, 10) < 12;

const toldOf = channel('net.server.socket');

/** As Node 20's onconnection does it. False where that one is to be asked: the server takes no more. */
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
    // What net.Socket sets itself, to the same.
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
  if (toldOf.hasSubscribers) toldOf.publish({ socket });
  return true;
}
