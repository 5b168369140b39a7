import { cannot, checkEdge, isSince } from './checked-settings.js';
import type { ClientKey } from './client-keys.js';
import { ciphers, endpoint, heading } from './configuration-text.js';
import type { CheckedEdge, EdgeSettings } from './settings.js';

/** The cookie by which nginx, not the app, knows a client's worker. */
const cookieName = 'limpet_edge';

/**
 * Writes a complete nginx.conf with comments, for nginx 1.18 and later. The same settings give the same text. From nginx 1.29.6 on, the
 * configuration uses nginx's own sticky cookies. Throws ERR_LIMPET_OPTION if a setting is wrong, or if nginx does not support it.
 */
export function nginx(settings: EdgeSettings): string {
  const edge = checkEdge(settings, 'nginx', '1.18');
  if (edge.maxLoad > 0) {
    throw cannot(
      'nginx',
      'cannot limit the load of a server',
      'Leave maxLoad out, or use HAProxy',
      'maxLoad',
    );
  }
  return edge.via === 'direct' ? direct(edge) : shared(edge);
}

function direct(edge: CheckedEdge): string {
  const { affinity, servers, tls, trust, quietMs } = edge;
  const sticky = affinity.ownCookie && isSince(edge.version, '1.29.6');
  const seconds = Math.ceil(quietMs / 1000);
  const idle = Math.min(4096, Math.max(32, servers.length * 8));
  return `${head(edge)}
http {
    server_tokens off;
${gentleReload(edge)}    # The app limits the size of bodies.
    client_max_body_size 0;
${trusted(trust)}
    # WebSocket upgrades are passed on. All other connections to the workers are pooled for the requests of all clients.
    map $http_upgrade $limpet_connection {
        default upgrade;
        ''      '';
    }

    # The client's address decides: all bits of IPv4, the first 64 bits of IPv6.
    map $binary_remote_addr $limpet_address {
        "~(?s)^(?<limpet_network>.{8})." $limpet_network;
        default $binary_remote_addr;
    }
${affinity.keys.map((key, i) => keyMap(key, i, affinity.keys.length)).join('')}${affinity.ownCookie && !sticky ? ownCookie(edge) : ''}
    upstream limpet {
        # Every nginx chooses the same worker for a client. If a worker is added or removed, only its share of the clients moves.
        hash ${hashKey(edge, sticky)} consistent;
${sticky ? `        # The cookie decides before the hash.\n        sticky cookie ${cookieName} path=/ httponly samesite=lax${tls ? ' secure' : ''};\n` : ''}
        # The direct port of each worker. A worker that fails three times in 5 s gets no requests for 5 s.
${servers.map(({ name, host, port }) => `        server ${endpoint(host, port)} max_fails=3 fail_timeout=5s;  # ${name}`).join('\n')}

        # Idle connections to the workers, for each nginx process. 4 s is shorter than a worker's notice before it leaves (noticeMs).
        keepalive ${idle};
        keepalive_timeout 4s;
        keepalive_requests 100000;
    }

    server {
${listens(edge, isSince(edge.version, '1.25.1'))}${tlsLines(edge, '        ')}
        location / {
            proxy_pass http://limpet;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $limpet_connection;

            # Replace what a client claims about its own address. Do not append to it.
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Forwarded "";
${affinity.ownCookie && !sticky ? '            add_header Set-Cookie $limpet_new_cookie always;\n' : ''}
            # Retry on another worker within 10 s, and only if the first has not received the request or the method is idempotent (RFC 9110 9.2.2).
            proxy_next_upstream error timeout;
            proxy_next_upstream_tries 3;
            proxy_next_upstream_timeout 10s;
            proxy_connect_timeout 2s;

            # Long polls, event streams and WebSockets may be silent for this long. Responses are passed on at once.
            proxy_read_timeout ${seconds}s;
            proxy_send_timeout ${seconds}s;
            proxy_buffering off;
        }
    }
}
`;
}

/** nginx adds PROXY headers, version 1, only in a stream, where it does not see requests. */
function shared(edge: CheckedEdge): string {
  const { affinity, servers, trust, quietMs } = edge;
  if (affinity.ownCookie || affinity.keys.length > 0) {
    const why = 'adds PROXY headers to streams only, and sees no cookies and no headers there';
    throw cannot(
      'nginx',
      why,
      "Use via 'direct' with a directPort, or HAProxy, or affinity 'address'",
      'affinity',
    );
  }
  if (trust.length > 0) {
    throw cannot(
      'nginx',
      'reads no X-Forwarded-For in a stream',
      "Use via 'direct', or leave trust out",
      'trust',
    );
  }
  const most = Math.max(...servers.map(({ workers }) => workers));
  const weights = servers.some(({ workers }) => workers !== most);
  return `${head(edge, streamModule)}
stream {
    # The client's address decides: all bits of IPv4, the first 64 bits of IPv6.
    map $binary_remote_addr $limpet_address {
        "~(?s)^(?<limpet_network>.{8})." $limpet_network;
        default $binary_remote_addr;
    }

    upstream limpet {
        # Every nginx chooses the same machine for a client. There limpet's ring chooses the worker.
        hash $limpet_address consistent;

${servers.map(({ name, host, port, workers }) => `        server ${endpoint(host, port)}${weights ? ` weight=${workers}` : ''} max_fails=3 fail_timeout=5s;  # ${name}`).join('\n')}
    }

    server {
${listens(edge, true)}${tlsLines(edge, '        ')}
        proxy_pass limpet;
        # nginx writes version 1 only.
        proxy_protocol on;
        proxy_connect_timeout 2s;
        proxy_next_upstream_tries 3;
        proxy_next_upstream_timeout 10s;
        proxy_timeout ${Math.ceil(quietMs / 1000)}s;
        proxy_socket_keepalive on;
    }
}
`;
}

const streamModule = `
# Needed if stream is a separate module (Debian: libnginx-mod-stream).
include /etc/nginx/modules-enabled/*.conf;
include /usr/share/nginx/modules/*.conf;
`;

function head(edge: CheckedEdge, modules = ''): string {
  return `${heading(edge, 'nginx', 'nginx -t -c')}${modules}
worker_processes auto;
worker_rlimit_nofile 65536;

events {
    worker_connections 16384;
}
`;
}

function gentleReload({ version }: CheckedEdge): string {
  if (!isSince(version, '1.27.4')) return '';
  return `    # While nginx reloads, idle clients keep their connection for this long, so that no request is lost.
    keepalive_min_timeout 10s;
`;
}

function trusted(trust: readonly string[]): string {
  if (trust.length === 0) return '';
  return `
    # Behind these load balancers, the client is the last address of X-Forwarded-For.
${trust.map((each) => `    set_real_ip_from ${each};`).join('\n')}
    real_ip_header X-Forwarded-For;
`;
}

function keyMap({ by, name }: ClientKey, index: number, count: number): string {
  if (by !== 'header' && name.includes('-')) {
    throw cannot(
      'nginx',
      `has no variable for the ${by} ${name}, because its name has a hyphen`,
      'Use HAProxy',
      'affinity',
    );
  }
  const variable = { header: 'http', query: 'arg', cookie: 'cookie' }[by];
  const next = index + 1 < count ? `$limpet_key_${index + 1}` : '$limpet_address';
  return `
    # The ${by} ${name}, if a request has one.
    map $${variable}_${name.toLowerCase().replaceAll('-', '_')} $limpet_key_${index} {
        ''      ${next};
        default $${variable}_${name.toLowerCase().replaceAll('-', '_')};
    }
`;
}

function hashKey({ affinity }: CheckedEdge, sticky: boolean): string {
  if (affinity.ownCookie && !sticky) return '$limpet_client';
  return affinity.keys.length > 0 ? '$limpet_key_0' : '$limpet_address';
}

/** Before 1.29.6, nginx has no sticky cookies. So the configuration gives each client a number in a cookie, and hashes the number. */
function ownCookie({ tls }: CheckedEdge): string {
  return `
    # Each client gets a number in a cookie, which decides. A cookie that is not such a number is replaced.
    map $cookie_${cookieName} $limpet_number {
        "~^[0-9a-f]{32}$" $cookie_${cookieName};
        default '';
    }
    map $limpet_number $limpet_client {
        ''      $request_id;
        default $limpet_number;
    }
    map $limpet_number $limpet_new_cookie {
        ''      "${cookieName}=$request_id; Path=/; HttpOnly; SameSite=Lax${tls ? '; Secure' : ''}";
        default '';
    }
`;
}

function listens({ listens, tls, via }: CheckedEdge, ownHttp2: boolean): string {
  const ssl = tls ? ` ssl${via === 'direct' && !ownHttp2 ? ' http2' : ''}` : '';
  const lines = listens.flatMap((each) => (each.includes(':') ? [each] : [each, `[::]:${each}`]));
  const http2 = tls && via === 'direct' && ownHttp2 ? '        http2 on;\n' : '';
  return `${lines.map((each) => `        listen ${each}${ssl};\n`).join('')}${http2}`;
}

function tlsLines({ tls }: CheckedEdge, indent: string): string {
  if (!tls) return '';
  return [
    '',
    `ssl_certificate ${tls.certificate};`,
    `ssl_certificate_key ${tls.key ?? tls.certificate};`,
    'ssl_protocols TLSv1.2 TLSv1.3;',
    `ssl_ciphers ${ciphers};`,
    'ssl_prefer_server_ciphers off;',
    'ssl_session_cache shared:limpet:10m;',
    'ssl_session_timeout 1d;',
    'ssl_session_tickets off;',
    '',
  ]
    .map((line) => (line ? `${indent}${line}` : ''))
    .join('\n');
}
