/** The addon's way to the service manager: Node has no unix-domain datagrams. It has no twin. */
import { native } from './native.js';

export interface ServiceBinding {
  /**
   * Sends one datagram; a leading `@` of the path stands for Linux's abstract names. Never waits. Throws the system's error, EAGAIN among
   * them when the receiver is behind.
   */
  notify(path: string, text: string): void;
}

/** Null where there is no addon. */
export function serviceBinding(): ServiceBinding | null {
  return (native()?.service as ServiceBinding | undefined) ?? null;
}
