import { isIP } from 'node:net';
import type { CheckedEdge } from './settings.js';

/** The ciphers for TLS 1.2 that have forward secrecy and authenticated encryption, best first. Every cipher of TLS 1.3 has both. */
export const ciphers: string = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** The comments at the top of a configuration. `check` is the command that checks it. */
export function heading(edge: CheckedEdge, proxy: 'nginx' | 'haproxy', check: string): string {
  const { servers, via } = edge;
  const [one, rest] =
    via === 'direct' ? ['worker', 'each on its own port'] : ['machine', 'with the PROXY protocol'];
  return `# limpet edge ${proxy}: ${servers.length} ${one}${servers.length === 1 ? '' : 's'}, ${rest}.
# Check it with: ${check} <this file>. A program wrote this file: change the settings, not the text.
#
${routerSetup(edge, proxy)}`;
}

/** Comments that say how the routers behind the proxy must be set up. */
function routerSetup({ via, servers, healthPath }: CheckedEdge, proxy: 'nginx' | 'haproxy'): string {
  const health = healthPath ? `, healthPath: '${healthPath}'` : '';
  const lines =
    via === 'direct'
      ? [
          `On each machine: limpet.listen(app, port, { workers, directPort${health} }). Let only the proxies reach the direct ports.`,
          "The app finds the client's address in X-Forwarded-For. In Express: app.set('trust proxy', 1).",
        ]
      : [
          `On each machine: limpet.listen(app, ${servers[0]?.port}, { affinity: 'proxy-protocol', trust: [the proxies], secret${health} }).`,
          "Give all machines the same secret. The app sees the client's address as the address of the connection.",
        ];
  if (via === 'direct' && proxy === 'nginx') {
    lines.push(
      'This nginx makes no health checks. It finds out that a worker is down when it cannot connect, and then tries another.',
    );
  }
  return lines.map((line) => `# ${line}\n`).join('');
}

/** `host:port`, as nginx and HAProxy write it. */
export function endpoint(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
