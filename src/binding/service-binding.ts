/** Sends messages to the service manager. Node has no unix-domain datagrams, so there is no TypeScript implementation. */
import { native } from './native.js';

export interface ServiceBinding {
  /**
   * Sends one datagram. A path that begins with `@` is a name in Linux's abstract namespace. Never blocks. Throws the system's error, for
   * example EAGAIN if the receiver's buffer is full.
   */
  notify(path: string, text: string): void;
}

/** Null without an addon. */
export function serviceBinding(): ServiceBinding | null {
  return (native()?.service as ServiceBinding | undefined) ?? null;
}
