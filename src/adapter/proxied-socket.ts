import type { Socket } from 'node:net';

const proxied: unique symbol = Symbol('limpet.proxied');
/** A TLS stream of Node's names the socket that it came by. */
type Told = Socket & { [proxied]?: true; readonly _parent?: Told | null };

/** A PROXY header has told the socket's client. */
export function markProxied(socket: Told): void {
  socket[proxied] = true;
}

/** Whether one has, for a socket or the TLS stream over it. */
export function isProxied(socket: Told): boolean {
  return (socket[proxied] ?? socket._parent?.[proxied]) === true;
}
