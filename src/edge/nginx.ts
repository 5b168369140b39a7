import { cannot, checkEdge, isSince } from './checked-settings.js';
import type { ClientKey } from './client-keys.js';
import { ciphers, endpoint, needs } from './configuration-text.js';
import type { CheckedEdge, EdgeSettings } from './settings.js';

/** The cookie that tells nginx, not the app, where a client belongs. */
const cookieName = 'limpet_edge';

/**
 * A complete nginx.conf, commented; the same settings give the same text. For nginx 1.18 and later; from 1.29.6 on its own sticky cookies.
 * Throws ERR_LIMPET_OPTION for settings that are wrong, or that nginx cannot do.
 */
export function nginx(settings: EdgeSettings): string {
  const edge = checkEdge(settings, 'nginx', '1.18');
  if (edge.maxLoad > 0) {
    throw cannot(
      'nginx',
      'knows no bound on the load of a server',
      'Leave it out, or use HAProxy',
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
${gentleReload(edge)}    # Bodies are the app's to limit.
    client_max_body_size 0;
${trusted(trust)}
    # Upgrades (WebSocket) go through; other connections to the workers stay open for the next request, whosesoever it is.
    map $http_upgrade $limpet_connection {
        default upgrade;
        ''      '';
    }

    # A client is its address: the whole of IPv4, the first 64 bits of IPv6.
    map $binary_remote_addr $limpet_address {
        "~(?s)^(?<limpet_network>.{8})." $limpet_network;
        default $binary_remote_addr;
    }
${affinity.keys.map((key, i) => keyMap(key, i, affinity.keys.length)).join('')}${affinity.ownCookie && !sticky ? ownCookie(edge) : ''}
    upstream limpet {
        # The same client goes to the same worker, from whichever nginx, and when a worker comes or goes, only its share moves.
        hash ${hashKey(edge, sticky)} consistent;
${sticky ? `        # Decides before the hash.\n        sticky cookie ${cookieName} path=/ httponly samesite=lax${tls ? ' secure' : ''};\n` : ''}
        # The port of each worker. One that fails three times in 5 s is left alone for as long.
${servers.map(({ name, host, port }) => `        server ${endpoint(host, port)} max_fails=3 fail_timeout=5s;  # ${name}`).join('\n')}

        # Idle connections to the workers, for each nginx process. Shorter than a worker waits before it leaves (noticeMs).
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

            # What clients say of their own address is overwritten, never added to.
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Forwarded "";
${affinity.ownCookie && !sticky ? '            add_header Set-Cookie $limpet_new_cookie always;\n' : ''}
            # Another worker is asked only where the first has not been sent the request, or may be asked twice (RFC 9110 9.2.2), and soon.
            proxy_next_upstream error timeout;
            proxy_next_upstream_tries 3;
            proxy_next_upstream_timeout 10s;
            proxy_connect_timeout 2s;

            # Long polls, event streams and WebSockets may be silent for so long; what the app sends is passed on at once.
            proxy_read_timeout ${seconds}s;
            proxy_send_timeout ${seconds}s;
            proxy_buffering off;
        }
    }
}
`;
}

/** PROXY headers are for streams only: nginx sees no request, and adds version 1. */
function shared(edge: CheckedEdge): string {
  const { affinity, servers, trust, quietMs } = edge;
  if (affinity.ownCookie || affinity.keys.length > 0) {
    const why = 'adds PROXY headers to streams only, in which it sees no cookies and no headers';
    throw cannot(
      'nginx',
      why,
      "Use via 'direct' (with a directPort), HAProxy, or affinity 'address'",
      'affinity',
    );
  }
  if (trust.length > 0) {
    throw cannot(
      'nginx',
      'reads no X-Forwarded-For in a stream',
      "Use via 'direct', or leave it out",
      'trust',
    );
  }
  const most = Math.max(...servers.map(({ workers }) => workers));
  const weights = servers.some(({ workers }) => workers !== most);
  return `${head(edge, streamModule)}
stream {
    # A client is its address: the whole of IPv4, the first 64 bits of IPv6.
    map $binary_remote_addr $limpet_address {
        "~(?s)^(?<limpet_network>.{8})." $limpet_network;
        default $binary_remote_addr;
    }

    upstream limpet {
        # The same client goes to the same machine, from whichever nginx; there limpet's ring has its worker.
        hash $limpet_address consistent;

${servers.map(({ name, host, port, workers }) => `        server ${endpoint(host, port)}${weights ? ` weight=${workers}` : ''} max_fails=3 fail_timeout=5s;  # ${name}`).join('\n')}
    }

    server {
${listens(edge, true)}${tlsLines(edge, '        ')}
        proxy_pass limpet;
        # Version 1, the only one that nginx writes.
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
# Where stream is a module of its own (Debian: libnginx-mod-stream).
include /etc/nginx/modules-enabled/*.conf;
include /usr/share/nginx/modules/*.conf;
`;

function head(edge: CheckedEdge, modules = ''): string {
  return `# limpet edge nginx: ${edge.servers.length} ${edge.via === 'direct' ? 'workers, each by its own port' : 'machines, by PROXY protocol'}.
# Check it: nginx -t -c <this file>. Written by a program: change the settings rather than the text.
#
${needs(edge, 'nginx')}${modules}
worker_processes auto;
worker_rlimit_nofile 65536;

events {
    worker_connections 16384;
}
`;
}

function gentleReload({ version }: CheckedEdge): string {
  if (!isSince(version, '1.27.4')) return '';
  return `    # When nginx itself is reloaded, idle clients get so long, and are not cut off under their next request.
    keepalive_min_timeout 10s;
`;
}

function trusted(trust: readonly string[]): string {
  if (trust.length === 0) return '';
  return `
    # Behind these the client is the last address of X-Forwarded-For.
${trust.map((each) => `    set_real_ip_from ${each};`).join('\n')}
    real_ip_header X-Forwarded-For;
`;
}

function keyMap({ by, name }: ClientKey, index: number, count: number): string {
  if (by !== 'header' && name.includes('-')) {
    throw cannot(
      'nginx',
      `has no variable for the ${by} ${name}, whose name has a hyphen`,
      'Use HAProxy',
      'affinity',
    );
  }
  const variable = { header: 'http', query: 'arg', cookie: 'cookie' }[by];
  const next = index + 1 < count ? `$limpet_key_${index + 1}` : '$limpet_address';
  return `
    # ${by} ${name}, where a request has one.
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

/** This nginx has no sticky cookies: it numbers its clients, and hashes the number. */
function ownCookie({ tls }: CheckedEdge): string {
  return `
    # Each client gets a number in a cookie, and goes by that; what is no such number is replaced.
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
