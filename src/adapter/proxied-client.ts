import { addressText } from '../binding/typescript/ip-address.js';

/** What of a uWebSockets.js response or WebSocket is used. */
export interface UwsClient {
  /** The far end of the connection, 4 or 16 bytes. */
  getRemoteAddress(): ArrayBuffer;
  /** Of a response: what a PROXY header told; empty without one. */
  getProxiedRemoteAddress?(): ArrayBuffer;
}

let proxied = false;

/** From now on a PROXY header is taken at its word: those of peers that are not trusted do not get here. */
export function trustProxyHeaders(): void {
  proxied = true;
}

/**
 * The address of the client of a uWebSockets.js response or WebSocket, as text: '203.0.113.7', whether the listener is IPv4 or
 * dual stack, or '2001:db8::7' (RFC 5952). Where affinity is by `proxy-protocol`, a response tells the client in the PROXY header;
 * a WebSocket, which uWebSockets.js does not let us ask, the proxy: take the address in `upgrade`. Empty on a unix-domain
 * socket. Call it while uWS lets you ask: before an answer is complete, or aborted.
 */
export function clientAddress(client: UwsClient): string {
  const told = proxied ? new Uint8Array(client.getProxiedRemoteAddress?.() ?? []) : undefined;
  const bytes = told?.length ? told : new Uint8Array(client.getRemoteAddress());
  if (bytes.length === 4) return bytes.join('.');
  return bytes.length === 16 ? addressText(bytes) : '';
}
