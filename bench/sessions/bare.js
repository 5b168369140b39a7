/**
 * Session stores without a server: microseconds for one read and for one write, one call at a time.
 *
 * `node bench/sessions/bare.js [redis port]` needs a redis-server on that port (default 6379) and an idle machine. The stores take turns
 * in each round. The median of the rounds is printed. On Node 22.13 and later, LocalStore in sqlite is measured too.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RedisStore as ConnectRedis } from 'connect-redis8';
import expressSession from 'express-session';
import { Redis } from 'ioredis5';
import { LocalStore, RedisStore } from '../../dist/session/index.js';

const port = Number(process.argv[2] ?? 6379);
const rounds = 7;
const directory = mkdtempSync(join(tmpdir(), 'limpet-bench-'));
const client = new Redis(port);

const session = {
  cookie: {
    originalMaxAge: 86_400_000,
    expires: new Date(Date.now() + 86_400_000).toISOString(),
    httpOnly: true,
    path: '/',
    sameSite: 'lax',
  },
  user: { id: 4711, name: 'Ada Lovelace', roles: ['reader', 'author'] },
  cart: [
    { sku: 'A-1', count: 2 },
    { sku: 'B-7', count: 1 },
  ],
  csrf: 'f3b1c2d4e5f60718293a4b5c6d7e8f90',
};

const hasSqlite = process.getBuiltinModule?.('node:sqlite') !== undefined;
const stores = {
  'limpet RedisStore': new RedisStore({ client }),
  'limpet RedisStore, no near cache': new RedisStore({ client, nearCache: false }),
  'connect-redis 8, ioredis 5': new ConnectRedis({ client, prefix: 'theirs:' }),
  'limpet LocalStore, memory': new LocalStore({ in: 'memory' }),
  ...(hasSqlite && {
    'limpet LocalStore, sqlite': new LocalStore({ in: 'sqlite', path: join(directory, 's.sqlite') }),
  }),
  'express-session MemoryStore': new expressSession.MemoryStore(),
};

const call = (store, method, ...rest) =>
  new Promise((resolve, reject) =>
    store[method](...rest, (error, value) => (error ? reject(error) : resolve(value))),
  );

async function microseconds(count, act) {
  const from = performance.now();
  for (let n = 0; n < count; n++) await act(n);
  return ((performance.now() - from) * 1000) / count;
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const results = new Map([...Object.keys(stores), 'plain SET'].map((name) => [name, { read: [], write: [] }]));

for (const store of Object.values(stores)) await call(store, 'set', 'a', session);
await new Promise((resolve) => setTimeout(resolve, 300));
for (let round = 0; round <= rounds; round++) {
  for (const [name, store] of Object.entries(stores)) {
    const mine = await call(store, 'get', 'a');
    const read = await microseconds(3000, () => call(store, 'get', 'a'));
    const write = await microseconds(1500, (n) => {
      mine.n = n;
      return call(store, 'set', 'a', mine);
    });
    // The first round warms up.
    if (round > 0) {
      results.get(name).read.push(read);
      results.get(name).write.push(write);
    }
  }
  const text = JSON.stringify(session);
  const plain = await microseconds(1500, () => client.set('plain', text, 'PX', 86_400_000));
  if (round > 0) results.get('plain SET').write.push(plain);
}

console.log(
  `Node ${process.version}, ${JSON.stringify(session).length} bytes a session, median of ${rounds} rounds, µs`,
);
for (const [name, { read, write }] of results) {
  const figure = (values) => (values.length ? median(values).toFixed(1) : '').padStart(8);
  console.log(`${name.padEnd(34)} read ${figure(read)}   write ${figure(write)}`);
}

const rows = [...results].map(([name, { read, write }]) => ({
  name,
  ...(read.length && { read: median(read) }),
  write: median(write),
}));
process.send?.(rows);

for (const store of Object.values(stores)) await store.close?.();
client.disconnect();
rmSync(directory, { recursive: true });
