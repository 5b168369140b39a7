import { createHmac } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { cannot, checkEdge } from './checked-settings.js';
import type { ClientKey } from './client-keys.js';
import { ciphers, endpoint, needs } from './configuration-text.js';
import type { CheckedEdge, EdgeServer, EdgeSettings } from './settings.js';

const cookieName = 'limpet_edge';
/** Server numbers of which the hash makes use. */
const numbersMax = 2 ** 20;
const weightMax = 256;

/**
 * A complete haproxy.cfg, commented; the same settings give the same text. For HAProxy 2.6 and later.
 * Throws ERR_LIMPET_OPTION for settings that are wrong, or that HAProxy cannot do.
 */
export function haproxy(settings: EdgeSettings): string {
  const edge = checkEdge(settings, 'HAProxy', '2.6');
  const { tls, via, healthPath, quietMs, affinity, maxLoad } = edge;
  if (tls?.key !== undefined && tls.key !== tls.certificate && tls.key !== `${tls.certificate}.key`) {
    const why = `reads the key from the certificate's own file, or from ${tls.certificate}.key`;
    throw cannot('HAProxy', why, 'Put it there, or both into one file', 'tls.key');
  }
  return `# limpet edge haproxy: ${edge.servers.length} ${via === 'direct' ? 'workers, each by its own port' : 'machines, by PROXY protocol'}.
# Check it: haproxy -c -f <this file>. Written by a program: change the settings rather than the text.
#
${needs(edge, 'haproxy')}
${tls ? tlsGlobals() : ''}defaults
    mode http
    # When HAProxy itself is reloaded, a client's connection is closed with an answer, not under its next request.
    option idle-close-on-response
    timeout connect 2s
    # A request's head may take so long, and an idle client.
    timeout http-request 10s
    timeout http-keep-alive 65s
    timeout queue 10s
    # Long polls, event streams and WebSockets may be silent for so long.
    timeout client ${quietMs}ms
    timeout server ${quietMs}ms
    timeout tunnel ${quietMs}ms

frontend clients
${binds(edge)}${trusted(edge)}    # What clients say of their own address is overwritten, never added to.
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto ${tls ? 'https' : 'http'}
    http-request del-header Forwarded
    default_backend workers

backend workers
${balance(edge)}    # The same on every HAProxy; when a server comes or goes, only its share of clients moves.
    hash-type consistent sdbm avalanche
${maxLoad > 0 ? `    # A client whose server is so busy goes elsewhere, for as long: it does not stay on its worker.\n    hash-balance-factor ${Math.round(maxLoad * 100)}\n` : ''}${affinity.ownCookie ? cookie(edge) : ''}
    # Connections to the workers are kept and shared; a client's first request goes on one that is not about to be closed.
    http-reuse safe

    # Another worker is asked only where the first has not been sent the request, or may be asked twice (RFC 9110 9.2.2).
    option redispatch 1
    retries 5
    retry-on conn-failure empty-response
    http-request disable-l7-retry unless METH_GET or { method HEAD OPTIONS }

${checks(healthPath)}    # Two refusals in a row mean that the machine is gone: a worker that is away lets its clients wait.
    # Back after a failure, a server gets its share of new clients little by little.
    default-server check inter 1s fall 3 rise 2 observe layer4 error-limit 2 on-error mark-down slowstart 10s pool-purge-delay 1s${via === 'shared' ? ' send-proxy-v2 check-send-proxy' : ''}
${serverLines(edge.servers)}`;
}

function tlsGlobals(): string {
  return `global
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
    ssl-default-bind-ciphers ${ciphers}

`;
}

function binds({ listens, tls }: CheckedEdge): string {
  const ssl = tls ? ` ssl crt ${tls.certificate} alpn h2,http/1.1` : '';
  return listens
    .flatMap((each) => (each.includes(':') ? [each] : [`*:${each}`, `:::${each} v6only`]))
    .map((each) => `    bind ${each}${ssl}\n`)
    .join('');
}

function trusted({ trust }: CheckedEdge): string {
  if (trust.length === 0) return '';
  return `    # Behind these the client is the last address of X-Forwarded-For.
    acl from_balancer src ${trust.join(' ')}
    http-request set-src hdr_ip(x-forwarded-for,-1) if from_balancer { req.hdr(x-forwarded-for) -m found }
`;
}

function balance({ affinity }: CheckedEdge): string {
  const address = 'src,ipmask(32,64)';
  if (affinity.keys.length === 0) {
    return `    # A client is its address: the whole of IPv4, the first 64 bits of IPv6.\n    balance hash ${address}\n`;
  }
  const sets = affinity.keys.map(
    (key) =>
      `    http-request set-var(txn.client) ${fetchOf(key)} if !{ var(txn.client) -m found } { ${fetchOf(key)} -m len gt 0 }\n`,
  );
  return `    # A client is what its request says, else its address: the whole of IPv4, the first 64 bits of IPv6.
${sets.join('')}    http-request set-var(txn.client) ${address} if !{ var(txn.client) -m found }
    balance hash var(txn.client)
`;
}

function fetchOf({ by, name }: ClientKey): string {
  return { header: `req.hdr(${name})`, query: `url_param(${name})`, cookie: `req.cook(${name})` }[by];
}

function cookie({ secret, tls }: CheckedEdge): string {
  if (secret === undefined) {
    const why = 'names servers in its cookies by a hash with a key, which every HAProxy must share';
    throw cannot('HAProxy', why, "Give it the routers' own secret", 'secret');
  }
  const key = createHmac('sha256', secret).update('limpet edge cookie').digest('base64url').slice(0, 22);
  return `    # Decides before the hash. The cookie stays between browser and proxy; one that names no server here is replaced.
    cookie ${cookieName} insert indirect nocache httponly dynamic attr "SameSite=Lax"${tls ? ' secure' : ''}
    dynamic-cookie-key ${key}
`;
}

function checks(healthPath: string | undefined): string {
  if (healthPath === undefined) return '';
  return `    # A worker that leaves says so here, and serves on until the proxies have heard it.
    option httpchk
    http-check send meth GET uri ${healthPath} ver HTTP/1.1 hdr Host limpet
    http-check expect status 200

`;
}

/** Each server's number is of its name, not of its line: whoever comes or goes between others does not renumber them. */
function serverLines(servers: readonly EdgeServer[]): string {
  const most = Math.max(...servers.map(({ workers }) => workers));
  // 16 places on the circle for each unit of weight: the more, the more even.
  const unit = most === 1 ? (servers.length > 4096 ? 4 : 16) : Math.floor(weightMax / most);
  const taken = new Set<number>();
  return servers
    .map(({ name, host, port, workers }) => {
      let number = 1 + (crc32(name) % (numbersMax - 1));
      while (taken.has(number)) number = 1 + (number % (numbersMax - 1));
      taken.add(number);
      return `    server ${name} ${endpoint(host, port)} id ${number} weight ${workers * unit}\n`;
    })
    .join('');
}
