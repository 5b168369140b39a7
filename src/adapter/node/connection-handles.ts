import type { RawHandle } from '../../connection.js';

type Close = RawHandle['close'];

/**
 * Gives handles a close() that calls `closed` once each, the first time. All get the same function, so that all keep one shape; a class
 * derived from the handle's own would cost more than twice the making of one, since V8 keeps no template of what is derived
 * from a native class.
 */
export function closeCounter(closed: () => void): (handle: RawHandle) => void {
  const counting: Close = function (this: RawHandle, callback) {
    this.close = (Object.getPrototypeOf(this) as RawHandle).close;
    this.close(callback);
    closed();
  };
  return (handle) => {
    handle.close = counting;
  };
}
