import { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import type { RawHandle } from '../../connection.js';

/** Node's class of TCP or pipe handles, which it does not export. */
type HandleClass = new (type: number) => RawHandle & { open(fd: number): number };
type Close = RawHandle['close'];

/** TCPConstants.SOCKET and PipeConstants.SOCKET in Node's tcp_wrap and pipe_wrap. */
const socketType = 0;

/** The handles of connections: makes them from descriptors, and reports when they are closed. */
export class ConnectionHandles {
  readonly #countingClose: Close;
  #HandleClass: HandleClass | undefined;

  /** `closed` is called once for each counted handle, when it is closed. */
  constructor(closed: () => void) {
    this.#countingClose = function (this: RawHandle, callback) {
      this.close = (Object.getPrototypeOf(this) as RawHandle).close;
      this.close(callback);
      closed();
    };
  }

  /**
   * Makes `closed` be called when the handle is closed for the first time. All handles get the same function, so that V8 keeps one
   * hidden class for them. A subclass of the handle's class would more than double the cost of making a handle, because V8 keeps no
   * template for classes derived from native ones.
   */
  count(handle: RawHandle): void {
    handle.close = this.#countingClose;
  }

  /**
   * Makes a handle that owns the descriptor. Throws if `fd` is not a socket: the descriptor is then still the caller's. net does not
   * export the class of its handles, so the class is taken from the handle of the first descriptor.
   */
  fromDescriptor(fd: number): RawHandle {
    if (this.#HandleClass) {
      const handle = new this.#HandleClass(socketType);
      const error = handle.open(fd);
      if (error !== 0) throw new Error(`open(${fd}) failed: ${getSystemErrorName(error)}`);
      return handle;
    }
    const probe = new Socket({ fd, readable: false, writable: false }) as unknown as {
      _handle: RawHandle | null;
    };
    const handle = probe._handle as RawHandle;
    probe._handle = null;
    this.#HandleClass = handle.constructor as HandleClass;
    return handle;
  }
}
