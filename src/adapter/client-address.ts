import { addressText } from '../binding/twin/ip-address.js';

/**
 * The address of the client of a uWebSockets.js response or WebSocket, as text: '203.0.113.7', whether the listener is IPv4 or
 * dual stack, or '2001:db8::7' (RFC 5952). Empty on a unix-domain socket. Call it while uWS lets you ask: before an answer is
 * complete, or aborted.
 */
export function clientAddress(client: { getRemoteAddress(): ArrayBuffer }): string {
  const bytes = new Uint8Array(client.getRemoteAddress());
  if (bytes.length === 4) return bytes.join('.');
  return bytes.length === 16 ? addressText(bytes) : '';
}
