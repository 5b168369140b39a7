import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { RedisStore as ConnectRedis } from 'connect-redis8';
import { Redis } from 'ioredis5';
import { RedisStore } from 'limpet/session';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../../needs.ts';
import { nodeBinaries } from '../../nodes/index.ts';
import { startRedis } from '../../services/redis.ts';
import type { Service } from '../../services/service.ts';

needs('redis-server');

let redis: Service;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis?.stop());

const fixture = fileURLToPath(new URL('../../fixtures/session/connect-redis.js', import.meta.url));

describe.each(nodeBinaries.filter(({ version }) => !version.startsWith('v20.')))(
  'on Node $version',
  ({ path }) => {
    test('connect-redis 10 on node-redis and limpet read the rows of each other', () => {
      const { session, seen } = JSON.parse(
        execFileSync(path, [fixture, String(redis.port)], { encoding: 'utf8' }),
      );
      const { expires, ...cookie } = session.cookie;
      expect(seen).toMatchObject({
        oursReadsTheirs: { ...session, cookie },
        theirsReadsOurs: session,
        theirIds: ['ours', 'theirs'],
        ourIds: ['ours', 'theirs'],
        oursReadsTheirWrite: 2,
        afterTheirDestroy: null,
      });
      // connect-redis counts the life from when it sends the row, in whole seconds.
      const lateMs = new Date(seen.oursReadsTheirs.cookie.expires).getTime() - new Date(expires).getTime();
      expect(lateMs).toBeGreaterThanOrEqual(0);
      expect(lateMs).toBeLessThan(5000);
      expect(seen.oursReadsTheirTouch).toBeGreaterThan(590_000);
      expect(seen.theirTtl).toBeGreaterThan(590_000);
    });
  },
);

test('connect-redis 8 on ioredis and limpet write the same row to the byte', async () => {
  const client = new Redis(redis.port);
  const store = new RedisStore({ client, prefix: 'ours:' });
  const theirs = new ConnectRedis({ client, prefix: 'theirs:' });
  const cookie = { originalMaxAge: 60_000, expires: new Date(Date.now() + 60_000).toISOString(), path: '/' };
  const sessions = [
    { cookie, user: { name: 'Zoë' } },
    { cookie: { ...cookie, expires: null, originalMaxAge: null }, n: [1, null] },
  ];
  for (const session of sessions) {
    await theirs.set('a', session as never);
    await store.set('a', session);
    expect(await client.get('ours:a')).toBe(await client.get('theirs:a'));
    const [mine, other] = [await client.pttl('ours:a'), await client.pttl('theirs:a')];
    expect(Math.abs(mine - other)).toBeLessThanOrEqual(1000);
  }
  await store.close();
  client.disconnect();
});
