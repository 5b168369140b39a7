/**
 * Express requests that read a session: requests a second, for each store behind express-session.
 *
 * `node bench/sessions/express.js [redis port]` needs a redis-server on that port (default 6379) and an idle machine. Each server is a
 * process of its own, and so is the client. The servers take turns in each round. The median of the rounds is printed.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { RedisStore as ConnectRedis } from 'connect-redis8';
import express from 'express';
import expressSession from 'express-session';
import { Redis } from 'ioredis5';
import { RedisStore, sessions } from '../../dist/session/index.js';

const port = Number(process.argv[2] ?? 6379);
const secret = 'only for this measurement';
/** Numbers of connections. One shows the latency of a request, sixteen show the throughput. */
const crowds = [1, 16];
const roundMs = 1500;
const rounds = 5;

const kinds = {
  'limpet RedisStore': (client) => sessions({ secret, store: new RedisStore({ client }) }),
  'connect-redis 8, ioredis 5': (client) => plain(new ConnectRedis({ client })),
  'express-session MemoryStore': () => plain(new expressSession.MemoryStore()),
};
const plain = (store) => expressSession({ secret, store, resave: false, saveUninitialized: false });

if (process.argv[3]) serve(kinds[process.argv[3]](new Redis(port)));
else await measure();

function serve(middleware) {
  const app = express();
  app.use(middleware);
  app.get('/login', (request, response) => {
    request.session.user = { id: 4711, name: 'Ada Lovelace', roles: ['reader', 'author'] };
    response.send('in');
  });
  app.get('/', (request, response) => response.send(request.session.user.name));
  const server = createServer(app).listen(0, '127.0.0.1', () => process.send(server.address().port));
}

async function measure() {
  const servers = [];
  for (const name of Object.keys(kinds)) {
    const child = fork(fileURLToPath(import.meta.url), [String(port), name]);
    const [at] = await once(child, 'message');
    const response = await fetch(`http://127.0.0.1:${at}/login`);
    const cookie = response.headers.getSetCookie()[0].split(';')[0];
    servers.push({ name, child, at, cookie });
  }
  const rows = [];
  for (const atOnce of crowds) {
    const rates = new Map(servers.map(({ name }) => [name, []]));
    for (let round = 0; round <= rounds; round++) {
      for (const server of servers) {
        const rate = await load(server, atOnce);
        if (round > 0) rates.get(server.name).push(rate);
      }
    }
    console.log(`Node ${process.version}, ${atOnce} at once, median of ${rounds} rounds, requests a second`);
    for (const [name, of] of rates) {
      const perSecond = of.sort((a, b) => a - b)[rounds >> 1];
      console.log(`${name.padEnd(30)} ${Math.round(perSecond)}`);
      rows.push({ name, atOnce, perSecond });
    }
  }
  for (const { child } of servers) child.kill();
  process.send?.(rows);
}

/** Resolves with the requests a second that one server answers. The client is a bare socket, so that it is not the bottleneck. */
async function load({ at, cookie }, atOnce) {
  const request = `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ${cookie}\r\n\r\n`;
  let answered = 0;
  const sockets = Array.from({ length: atOnce }, () => {
    const socket = connect(at, '127.0.0.1', () => socket.write(request));
    let head = '';
    return socket.on('data', (part) => {
      head += part.latin1Slice();
      if (!head.endsWith('Ada Lovelace')) return;
      head = '';
      answered++;
      socket.write(request);
    });
  });
  await setTimeout(roundMs);
  for (const socket of sockets) socket.destroy();
  return (answered * 1000) / roundMs;
}
