import { createHmac } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { cannot, checkEdge } from './checked-settings.js';
import type { ClientKey } from './client-keys.js';
import { ciphers, endpoint, heading } from './configuration-text.js';
import type { CheckedEdge, EdgeServer, EdgeSettings } from './settings.js';

const cookieName = 'limpet_edge';
/** HAProxy's hash uses server numbers below this. */
const numbersMax = 2 ** 20;
const weightMax = 256;

/**
 * Writes a complete haproxy.cfg with comments, for HAProxy 2.6 and later. The same settings give the same text.
 * Throws ERR_LIMPET_OPTION if a setting is wrong, or if HAProxy does not support it.
 */
export function haproxy(settings: EdgeSettings): string {
  const edge = checkEdge(settings, 'HAProxy', '2.6');
  const { tls, via, healthPath, quietMs, affinity, maxLoad } = edge;
  if (tls?.key !== undefined && tls.key !== tls.certificate && tls.key !== `${tls.certificate}.key`) {
    const why = `reads the key only from the certificate's file, or from ${tls.certificate}.key`;
    throw cannot('HAProxy', why, 'Put the key there, or put both into one file', 'tls.key');
  }
  return `${heading(edge, 'haproxy', 'haproxy -c -f')}
${tls ? tlsGlobals() : ''}defaults
    mode http
    # While HAProxy reloads, it closes an idle client's connection after the next response, so that no request is lost.
    option idle-close-on-response
    timeout connect 2s
    # A client has 10 s to send a request head. It may be idle for 65 s.
    timeout http-request 10s
    timeout http-keep-alive 65s
    timeout queue 10s
    # Long polls, event streams and WebSockets may be silent for this long.
    timeout client ${quietMs}ms
    timeout server ${quietMs}ms
    timeout tunnel ${quietMs}ms

frontend clients
${binds(edge)}${trusted(edge)}    # Replace what a client claims about its own address. Do not append to it.
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto ${tls ? 'https' : 'http'}
    http-request del-header Forwarded
    default_backend workers

backend workers
${balance(edge)}    # Every HAProxy chooses the same server. If a server is added or removed, only its share of the clients moves.
    hash-type consistent sdbm avalanche
${maxLoad > 0 ? `    # While a server is busier than this, its clients go to another server and do not stay on their worker.\n    hash-balance-factor ${Math.round(maxLoad * 100)}\n` : ''}${affinity.ownCookie ? cookie(edge) : ''}
    # Connections to the workers are pooled. A client's first request gets a connection that no worker is about to close.
    http-reuse safe

    # Retry on another worker only if the first has not received the request, or if the method is idempotent (RFC 9110 9.2.2).
    option redispatch 1
    retries 5
    retry-on conn-failure empty-response
    http-request disable-l7-retry unless METH_GET or { method HEAD OPTIONS }

${checks(healthPath)}    # Two refused connections in a row mean that the machine is down. If only a worker is down, its port still accepts, and clients wait.
    # After a failure, a server gets its share of new clients step by step.
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
  return `    # Behind these load balancers, the client is the last address of X-Forwarded-For.
    acl from_balancer src ${trust.join(' ')}
    http-request set-src hdr_ip(x-forwarded-for,-1) if from_balancer { req.hdr(x-forwarded-for) -m found }
`;
}

function balance({ affinity }: CheckedEdge): string {
  const address = 'src,ipmask(32,64)';
  if (affinity.keys.length === 0) {
    return `    # The client's address decides: all bits of IPv4, the first 64 bits of IPv6.\n    balance hash ${address}\n`;
  }
  const sets = affinity.keys.map(
    (key) =>
      `    http-request set-var(txn.client) ${fetchOf(key)} if !{ var(txn.client) -m found } { ${fetchOf(key)} -m len gt 0 }\n`,
  );
  return `    # A part of the request decides, else the client's address: all bits of IPv4, the first 64 bits of IPv6.
${sets.join('')}    http-request set-var(txn.client) ${address} if !{ var(txn.client) -m found }
    balance hash var(txn.client)
`;
}

function fetchOf({ by, name }: ClientKey): string {
  return { header: `req.hdr(${name})`, query: `url_param(${name})`, cookie: `req.cook(${name})` }[by];
}

function cookie({ secret, tls }: CheckedEdge): string {
  if (secret === undefined) {
    const why = 'names servers in its cookies by a keyed hash, and every HAProxy must have the same key';
    throw cannot('HAProxy', why, 'Give the secret of the routers', 'secret');
  }
  const key = createHmac('sha256', secret).update('limpet edge cookie').digest('base64url').slice(0, 22);
  return `    # The cookie decides before the hash. Only browser and proxy see it. A cookie that names no server here is replaced.
    cookie ${cookieName} insert indirect nocache httponly dynamic attr "SameSite=Lax"${tls ? ' secure' : ''}
    dynamic-cookie-key ${key}
`;
}

function checks(healthPath: string | undefined): string {
  if (healthPath === undefined) return '';
  return `    # A worker that is about to leave fails this check, and still serves until the proxies have noticed.
    option httpchk
    http-check send meth GET uri ${healthPath} ver HTTP/1.1 hdr Host limpet
    http-check expect status 200

`;
}

/** A server's number is derived from its name, not from its line. So adding or removing one server does not renumber the others. */
function serverLines(servers: readonly EdgeServer[]): string {
  const most = Math.max(...servers.map(({ workers }) => workers));
  // HAProxy gives a server 16 points on the hash circle for each unit of weight. More points distribute clients more evenly.
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
