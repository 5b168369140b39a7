// Plain servers, each on its own port, behind a proxy that chooses one by the hash of the client's address.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const place = mkdtempSync(join(tmpdir(), 'limpet-bench-'));
// nginx writes large bodies into this folder. If root starts nginx, its workers run as another user.
chmodSync(place, 0o755);
const workers = Array.from({ length: Number(process.env.BENCH_WORKERS) }, () =>
  fork(new URL('single.js', import.meta.url), { env: { ...process.env, PORT: '0' } }),
);
const ports = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));

const configurations = {
  nginx: () => `
    daemon off; worker_processes auto; pid ${place}/pid; error_log stderr error;
    worker_rlimit_nofile 65536;
    events { worker_connections 32768; }
    http {
      access_log off; client_max_body_size 0; keepalive_requests 1000000000;
      ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${place}/${name};`).join(' ')}
      map $http_upgrade $connection_out { default upgrade; '' ''; }
      upstream app {
        hash $remote_addr consistent;
        ${ports.map((port) => `server 127.0.0.1:${port};`).join(' ')}
        keepalive 512; keepalive_requests 1000000000;
      }
      server {
        listen ${process.env.PORT} backlog=4096 reuseport;
        location / {
          proxy_pass http://app; proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_out;
        }
      }
    }`,
  haproxy: () => `

defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
  http-reuse always
frontend clients
  bind :${process.env.PORT} backlog 4096
  default_backend app
backend app
  balance source
  hash-type consistent
${ports.map((port, slot) => `  server slot${slot} 127.0.0.1:${port} pool-max-conn 512`).join('\n')}
`,
};
const commands = { nginx: ['nginx', '-p', place, '-c'], haproxy: ['haproxy', '-db', '-f'] };

const proxy = process.env.BENCH_PROXY;
const file = join(place, 'configuration');
writeFileSync(file, configurations[proxy]());
const [command, ...args] = commands[proxy];
spawn(command, [...args, file], { stdio: 'inherit' });
