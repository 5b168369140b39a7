/** Compares the time to make the socket of an accepted connection: by limpet, as it does on Node 20, and by Node. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { acceptSocket } from '../../dist/adapter/node/accepted-socket.js';
import { measure } from './measure.js';

/** The methods of a handle that a socket calls before it is used. */
class Handle {
  getAsyncId() {
    return 1;
  }
  readStart() {
    return 0;
  }
  readStop() {
    return 0;
  }
}

/**
 * @param {import('../parts.js').Run} run
 * @returns {Promise<import('./measure.js').Row[]>}
 */
export async function measureSockets(run) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepting = server._handle;
  const rows = measure(run, 'the socket of a connection', {
    limpet: () => acceptSocket(server, new Handle()),
    "Node's own": () => accepting.onconnection(0, new Handle()),
  });
  server.close();
  return rows;
}
