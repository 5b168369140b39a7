import { SocketAddress } from 'node:net';
const mappedPrefix = Buffer.from('00000000000000000000ffff', 'hex');
/**
 * The address of the client of a uWebSockets.js response or WebSocket, as text: '203.0.113.7', whether the listener is IPv4 or
 * dual stack, or '2001:db8::7' (RFC 5952). Empty on a unix-domain socket. Call it while uWS lets you ask: before an answer is
 * complete, or aborted.
 */
export function clientAddress(client) {
    const bytes = Buffer.from(client.getRemoteAddress());
    if (bytes.length === 4)
        return bytes.join('.');
    if (bytes.length !== 16)
        return '';
    if (bytes.indexOf(mappedPrefix) === 0)
        return bytes.subarray(12).join('.');
    const groups = bytes.toString('hex').replace(/(?<=^(?:.{4})+)(?=.)/g, ':');
    return new SocketAddress({ family: 'ipv6', address: groups }).address;
}
