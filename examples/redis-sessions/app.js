/**
 * Sessions that every worker shares. Run `node examples/redis-sessions/app.js` and open the page in two browsers.
 *
 * With REDIS_URL=redis://127.0.0.1:6379 the sessions are in Redis, in the format of connect-redis. Without it, they are on this machine.
 * PORT sets another port. In your own project, run `npm install ioredis` first.
 */
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import express from 'express';
import limpet from 'limpet';
import { LocalStore, RedisStore, sessions } from 'limpet/session';

const { REDIS_URL, PORT = '3000' } = process.env;
const host = '127.0.0.1';
// Workers inherit the environment of the primary, so that all of them have the same secret.
process.env.SESSION_SECRET ??= randomBytes(32).toString('hex');

const app = express();
const shared = sessions({ secret: process.env.SESSION_SECRET, store: await openStore() });

app.use(shared);
app.use(express.urlencoded());

app.get('/', (request, response) => {
  const { session } = request;
  session.visits = (session.visits ?? 0) + 1;
  const who = session.user ? `Signed in as ${escapeHtml(session.user)}` : 'Not signed in';
  response.send(`<p>${who}. Visit ${session.visits}, served by process ${process.pid}.</p>
<form method="post" action="/login"><input name="user" placeholder="name"><button>Sign in</button></form>
<form method="post" action="/logout"><button>Sign out</button></form>`);
});

app.post('/login', (request, response, next) => {
  // Session fixation: the log-in gets a new sid, so that the old one is worth nothing.
  request.session.regenerate((error) => {
    if (error) return next(error);
    request.session.user = String(request.body?.user ?? '');
    response.redirect('/');
  });
});

app.post('/logout', (request, response, next) => {
  request.session.destroy((error) => (error ? next(error) : response.redirect('/')));
});

app.get('/store', (_request, response) => response.json(shared.store.status()));

limpet.listen(http.createServer(app), { port: Number(PORT), host }, { workers: 4 }, ({ port }) => {
  console.log(`4 workers, one address: http://${host}:${port}`);
});

async function openStore() {
  if (!REDIS_URL) return new LocalStore();
  const { Redis } = await import('ioredis');
  return new RedisStore({ client: new Redis(REDIS_URL) });
}

function escapeHtml(text) {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
