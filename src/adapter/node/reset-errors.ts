/**
 * What the error of a reset connection costs. Node makes it for every client that ends by a reset, and a stack trace with it, which
 * tells one thing alone: that Node was reading. Writing that trace is a tenth of what a worker spends on a short connection.
 */
import type { Server, Socket } from 'node:net';

type ReadEnd = (this: object, bytes?: ArrayBuffer) => unknown;

/**
 * From now on the ECONNRESET of the server's connections comes without frames; all else in it is as before. Needs `_handle.onread` of
 * net.Socket; where that is not, nothing is changed.
 */
export function omitResetTraces(server: Server): void {
  server.prependListener('connection', (socket: Socket & { _handle?: { onread?: ReadEnd } | null }) => {
    const handle = socket._handle;
    const onread = handle?.onread;
    if (!handle || typeof onread !== 'function') return;
    handle.onread = function (bytes) {
      // Without bytes it is an error or the end, and the end runs the app's 'readable' listeners at once: theirs keep their frames.
      if (bytes !== undefined || socket.listenerCount('readable') > 0) return onread.call(this, bytes);
      const { stackTraceLimit } = Error;
      // Not by assignment, which throws where the intrinsics are frozen.
      Reflect.set(Error, 'stackTraceLimit', 0);
      try {
        return onread.call(this);
      } finally {
        Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
      }
    };
  });
}
