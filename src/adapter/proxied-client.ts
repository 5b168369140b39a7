/**
 * Clients that a PROXY header names (HAProxy's PROXY protocol), because a proxy or another worker made the connection for them.
 */
import type { Socket } from 'node:net';
import { addressText, parseAddress } from '../binding/typescript/ip-address.js';

/** Set on the sockets whose client was named by a PROXY header. */
const proxied: unique symbol = Symbol('limpet.proxied');
/** Node's TLS streams keep the socket below them in `_parent`. */
type ProxiedSocket = Socket & { [proxied]?: true; readonly _parent?: ProxiedSocket | null };

/** Records that a PROXY header named the socket's client. */
export function markProxied(socket: ProxiedSocket): void {
  socket[proxied] = true;
}

/** Whether a PROXY header named the client of this socket, or of the socket below this TLS stream. */
export function isProxied(socket: ProxiedSocket): boolean {
  return (socket[proxied] ?? socket._parent?.[proxied]) === true;
}

/** The part of a uWebSockets.js response or WebSocket that {@link clientAddress} uses. */
export interface UwsClient {
  /** The address of the socket's peer: 4 or 16 bytes, empty on a unix-domain socket. */
  getRemoteAddress(): ArrayBuffer;
  /** Responses only: the address that the PROXY header names. Empty without a header. */
  getProxiedRemoteAddress?(): ArrayBuffer;
}

let proxyHeadersAreTrusted = false;

/** From now on {@link clientAddress} believes PROXY headers. limpet rejects those of untrusted peers before they get here. */
export function trustProxyHeaders(): void {
  proxyHeadersAreTrusted = true;
}

/**
 * Returns the client's address of a uWebSockets.js response or WebSocket as text: '203.0.113.7' for IPv4, also on a dual-stack
 * listener, '2001:db8::7' (RFC 5952) for IPv6, and '' on a unix-domain socket.
 *
 * With affinity by `proxy-protocol`, a response returns the client that the PROXY header names. A WebSocket returns the proxy,
 * because uWebSockets.js hides the header from WebSockets: read the address in the `upgrade` handler. uWebSockets.js allows the
 * call only until the response is complete or aborted.
 */
export function clientAddress(client: UwsClient): string {
  const named = proxyHeadersAreTrusted ? new Uint8Array(client.getProxiedRemoteAddress?.() ?? []) : undefined;
  const bytes = named?.length ? named : new Uint8Array(client.getRemoteAddress());
  if (bytes.length === 4) return bytes.join('.');
  return bytes.length === 16 ? addressText(bytes) : '';
}

/** Section 2.2 of the PROXY protocol: the signature, then version and command in one byte, then family and transport in one. */
const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const proxyCommand = 0x21;
const localCommand = 0x20;
const tcpOverIpv6 = 0x21;
/** Two addresses of 16 bytes and two ports of 2 bytes. The server's address and port stay zero. */
const addressBytes = 36;
const portAt = 32;

/** Makes a PROXY header, version 2, that names the client. Without a valid address it is LOCAL, which names nobody. */
export function makeProxyHeader(address: string | undefined, port: number | undefined): Buffer {
  const client = parseAddress(address?.split('%')[0] ?? '');
  if (!client) return Buffer.concat([signature, Buffer.from([localCommand, 0, 0, 0])]);
  const block = Buffer.alloc(addressBytes);
  block.set(client, 0);
  block.writeUInt16BE(port ?? 0, portAt);
  return Buffer.concat([signature, Buffer.from([proxyCommand, tcpOverIpv6, 0, addressBytes]), block]);
}
