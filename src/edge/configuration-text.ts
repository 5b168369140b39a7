import { isIP } from 'node:net';
import type { CheckedEdge } from './settings.js';

/** For TLS 1.2: forward secret and authenticated, in the order of preference. TLS 1.3 has no others. */
export const ciphers: string = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** What the routers behind must be told, as comments. */
export function needs({ via, servers, healthPath }: CheckedEdge, proxy: 'nginx' | 'haproxy'): string {
  const health = healthPath ? `, healthPath: '${healthPath}'` : '';
  const lines =
    via === 'direct'
      ? [
          `Each machine: limpet.listen(app, port, { workers, directPort${health} }). Nobody but the proxies should reach the direct ports.`,
          "The app sees the client in X-Forwarded-For; Express: app.set('trust proxy', 1).",
        ]
      : [
          `Each machine: limpet.listen(app, ${servers[0]?.port}, { affinity: 'proxy-protocol', trust: [the proxies], secret${health} }).`,
          "The secret is the same everywhere; the app sees the client as the connection's own address.",
        ];
  if (via === 'direct' && proxy === 'nginx') {
    lines.push(
      'This nginx checks no health by itself: it learns that a worker is gone when it cannot reach it, and then asks another.',
    );
  }
  return lines.map((line) => `# ${line}\n`).join('');
}

/** `host:port` in the way of both languages. */
export function endpoint(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
