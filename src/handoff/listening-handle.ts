import { Socket } from 'node:net';
import type { RawHandle } from '../connection.js';

/** The handle of a listening socket, as Node's IPC sends it: net keeps the class to itself, so it is read off a net.Socket. Owns the descriptor. */
export function handleOf(fd: number): RawHandle {
  const socket = new Socket({ fd, readable: false, writable: false }) as unknown as {
    _handle: RawHandle | null;
  };
  const handle = socket._handle as RawHandle;
  socket._handle = null;
  return handle;
}
