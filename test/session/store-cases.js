import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

/** @import { SessionFields, SessionStore } from 'limpet/session' */

const minute = 60_000;
/**
 * @param {object} [fields]
 * @param {number} [lifeMs]
 * @returns {SessionFields}
 */
function session(fields = {}, lifeMs = minute) {
  const expires = new Date(Date.now() + lifeMs).toISOString();
  return { cookie: { originalMaxAge: lifeMs, expires, httpOnly: true, path: '/' }, ...fields };
}
/**
 * @param {SessionStore} store
 * @param {string} sid
 * @returns {Promise<SessionFields>}
 */
async function get(store, sid) {
  const found = await store.get(sid);
  assert.ok(found, `session ${sid} is missing`);
  return found;
}
const sidOf = (() => {
  let number = 0;
  return () => `sid-${process.pid}-${++number}`;
})();
/**
 * The cases that every store must pass. Plain JavaScript, because Node 20 runs them without a build. `open` returns a new store on the
 * sessions of the stores that it returned before, as another worker has one. The caller closes them all.
 * @type {ReadonlyArray<{ name: string, run: (open: () => SessionStore) => Promise<void> }>}
 */
export const storeCases = [
  {
    name: 'returns what was set, to the letter',
    run: async (open) => {
      const store = open();
      const sid = sidOf();
      const fields = session({
        user: { name: 'Zoë \u{1F41A}', roles: ['a', 'b'] },
        n: 0,
        yes: true,
        nothing: null,
      });
      await store.set(sid, fields);
      assert.deepEqual(await store.get(sid), fields);
      assert.deepEqual(await open().get(sid), fields);
    },
  },
  {
    name: 'returns null for a session that does not exist',
    run: async (open) => assert.equal(await open().get(sidOf()), null),
  },
  {
    name: 'calls callbacks as express-session expects',
    run: async (open) => {
      const store = open();
      const sid = sidOf();
      const call = (act) => new Promise((resolve) => act((...values) => resolve(values)));
      assert.equal((await call((done) => store.set(sid, session({ n: 1 }), done)))[0], null);
      const [error, found] = await call((done) => store.get(sid, done));
      assert.equal(error, null);
      assert.equal(found.n, 1);
      assert.deepEqual((await call((done) => store.get('none', done))).slice(0, 2), [null, null]);
      assert.equal((await call((done) => store.touch(sid, session(), done)))[0], null);
      assert.equal((await call((done) => store.destroy(sid, done)))[0], null);
      assert.equal((await call((done) => store.destroy(sid, done)))[0], null);
      assert.deepEqual((await call((done) => store.get(sid, done))).slice(0, 2), [null, null]);
    },
  },
  {
    name: "does not change the stored session when the caller's object changes",
    run: async (open) => {
      const store = open();
      const sid = sidOf();
      const fields = session({ list: [1] });
      await store.set(sid, fields);
      fields.list.push(2);
      assert.deepEqual((await get(store, sid)).list, [1]);
      (await get(store, sid)).list.push(3);
      assert.deepEqual((await get(store, sid)).list, [1]);
    },
  },
  {
    name: 'ends a session at the millisecond of cookie.expires',
    run: async (open) => {
      const store = open();
      const sid = sidOf();
      const endsAt = Date.now() + 800;
      await store.set(sid, session({}, 800));
      const early = await store.get(sid);
      assert.ok(early || Date.now() >= endsAt);
      // On a busy machine the write may be late. The life of the row begins when the store gets it.
      while (await store.get(sid)) {
        assert.ok(Date.now() < endsAt + 5000);
        await pause(10);
      }
      assert.ok(Date.now() >= endsAt);
      assert.ok(!(await store.ids()).includes(sid));
    },
  },
  {
    name: 'destroys a session that is set with an end in the past',
    run: async (open) => {
      const store = open();
      const sid = sidOf();
      await store.set(sid, session());
      await store.set(sid, session({}, -1));
      assert.equal(await store.get(sid), null);
    },
  },
  {
    name: 'keeps a session whose cookie has no end',
    run: async (open) => {
      const store = open();
      const sid = sidOf();
      await store.set(sid, { cookie: { originalMaxAge: null, expires: null }, n: 1 });
      assert.deepEqual(await store.get(sid), { cookie: { originalMaxAge: null, expires: null }, n: 1 });
      await store.set(sid, { cookie: {}, n: 2 });
      assert.equal((await get(store, sid)).n, 2);
    },
  },
  {
    name: 'touch lengthens the life and moves cookie.expires for every worker',
    run: async (open) => {
      const [store, other] = [open(), open()];
      const sid = sidOf();
      await store.set(sid, session({ n: 1 }, 800));
      assert.ok(await other.get(sid));
      const longer = session({ n: 2 }, minute);
      await store.touch(sid, longer);
      await pause(900);
      for (const found of [await get(store, sid), await get(other, sid)]) {
        assert.equal(found.n, 1, 'touch must store no data');
        const expires = new Date(found.cookie?.expires ?? 0).getTime();
        assert.ok(Math.abs(expires - new Date(longer.cookie?.expires ?? 0).getTime()) < 1000);
      }
    },
  },
  {
    name: 'touch does not create a session',
    run: async (open) => {
      const store = open();
      const sid = sidOf();
      await store.touch(sid, session());
      assert.equal(await store.get(sid), null);
    },
  },
  {
    name: 'touch applies a shorter life at once',
    run: async (open) => {
      const store = open();
      const sid = sidOf();
      await store.set(sid, session());
      const found = await get(store, sid);
      if (found.cookie) found.cookie.expires = new Date(Date.now() + 100);
      await store.touch(sid, found);
      await pause(200);
      assert.equal(await store.get(sid), null);
    },
  },
  {
    name: 'lists, counts and clears the sessions',
    run: async (open) => {
      const store = open();
      await store.clear();
      assert.deepEqual([await store.length(), await store.ids(), await store.all()], [0, [], []]);
      const sids = Array.from({ length: 1200 }, sidOf);
      await Promise.all(sids.map((sid, n) => store.set(sid, session({ n }))));
      assert.equal(await store.length(), 1200);
      assert.deepEqual(new Set(await open().ids()), new Set(sids));
      const all = await store.all();
      assert.deepEqual(new Set(all.map(({ id }) => id)), new Set(sids));
      assert.equal(all.find(({ id }) => id === sids[7])?.n, 7);
      await store.clear();
      assert.equal(await store.length(), 0);
      assert.equal(await open().get(sids[0] ?? ''), null);
    },
  },
  {
    name: 'another worker reads a write at once',
    run: async (open) => {
      const [a, b] = [open(), open()];
      const sid = sidOf();
      await a.set(sid, session({ n: 0 }));
      for (let n = 1; n <= 50; n++) {
        const [writer, reader] = n % 2 ? [a, b] : [b, a];
        const mine = await get(writer, sid);
        mine.n = n;
        await writer.set(sid, mine);
        await pause(2);
        assert.equal((await get(reader, sid)).n, n);
      }
    },
  },
  {
    name: 'merges the changes of concurrent requests by top-level key',
    run: async (open) => {
      const [a, b] = [open(), open()];
      const sid = sidOf();
      await a.set(sid, session({ cart: [1], theme: 'dark', stale: true }));
      const [one, two] = [await get(a, sid), await get(b, sid)];
      one.cart = [1, 2];
      delete one.stale;
      two.theme = 'light';
      two.seen = 1;
      await a.set(sid, one);
      await b.set(sid, two);
      const { cookie: _, ...merged } = await get(a, sid);
      assert.deepEqual(merged, { cart: [1, 2], theme: 'light', seen: 1 });
      // A second save of the same object must not undo the merge.
      two.seen = 2;
      await b.set(sid, two);
      const { cookie: __, ...again } = await get(b, sid);
      assert.deepEqual(again, { cart: [1, 2], theme: 'light', seen: 2 });
    },
  },
  {
    name: 'loses no change of twenty parallel writers',
    run: async (open) => {
      const stores = [open(), open(), open()];
      const sid = sidOf();
      await stores[0]?.set(sid, session());
      const writers = await Promise.all(
        Array.from({ length: 20 }, async (_, n) => {
          const store = stores[n % stores.length];
          return { store, n, mine: await get(store, sid) };
        }),
      );
      await Promise.all(
        writers.map(({ store, n, mine }) => {
          mine[`key${n}`] = n;
          return store.set(sid, mine);
        }),
      );
      const found = await get(stores[1], sid);
      for (let n = 0; n < 20; n++) assert.equal(found[`key${n}`], n);
    },
  },
  {
    name: 'saves of one object take effect in their order',
    run: async (open) => {
      const store = open();
      const sid = sidOf();
      await store.set(sid, session());
      const mine = await get(store, sid);
      mine.a = 1;
      const first = store.set(sid, mine);
      delete mine.a;
      mine.b = 2;
      await Promise.all([first, store.set(sid, mine)]);
      const found = await get(store, sid);
      assert.deepEqual([found.a, found.b], [undefined, 2]);
    },
  },
  {
    name: 'never brings back a destroyed session',
    run: async (open) => {
      const [a, b] = [open(), open()];
      const sid = sidOf();
      await a.set(sid, session({ user: 'me' }));
      const late = await get(b, sid);
      const gone = [];
      b.on('gone', (which) => gone.push(which));
      await a.destroy(sid);
      late.user = 'still me';
      await b.set(sid, late);
      await b.touch(sid, late);
      assert.deepEqual(gone, [sid]);
      assert.equal(await a.get(sid), null);
      assert.equal(await b.get(sid), null);
      assert.equal(b.status().gone, 1);
    },
  },
  {
    name: 'stores a plain object over any row, and after destroy',
    run: async (open) => {
      const store = open();
      const sid = sidOf();
      await store.set(sid, session({ a: 1 }));
      await store.set(sid, session({ b: 1 }));
      assert.equal((await get(store, sid)).a, undefined);
      await store.destroy(sid);
      await store.set(sid, session({ c: 1 }));
      assert.equal((await get(store, sid)).c, 1);
    },
  },
  {
    name: 'drops __proto__ in a row',
    run: async (open) => {
      const store = open();
      const sid = sidOf();
      const evil = JSON.parse(
        '{"cookie":{},"__proto__":{"admin":true},"a":{"__proto__":{"admin":true},"b":1}}',
      );
      await store.set(sid, evil);
      const found = await get(store, sid);
      assert.equal(found.admin, undefined);
      assert.equal(found.a.admin, undefined);
      assert.deepEqual(Object.keys(found), ['cookie', 'a']);
      assert.equal({}.admin, undefined);
    },
  },
  {
    name: 'refuses a session that is too large, and keeps the stored one',
    run: async (open) => {
      const store = open();
      const sid = sidOf();
      await store.set(sid, session({ n: 1 }));
      const large = await get(store, sid);
      large.text = 'é'.repeat(600_000);
      await assert.rejects(store.set(sid, large), { code: 'ERR_LIMPET_SESSION_SIZE' });
      assert.equal((await get(store, sid)).n, 1);
    },
  },
  {
    name: 'a watch reports that another store destroyed its session or stored other data',
    run: async (open) => {
      const [a, b] = [open(), open()];
      const [sid, other] = [sidOf(), sidOf()];
      await a.set(sid, session({ n: 1 }));
      await a.set(other, session());
      const watch = b.watch(sid);
      const quiet = b.watch(other);
      quiet.on('destroyed', () => assert.fail('the other session was not destroyed'));
      const emitted = (event) => new Promise((resolve) => watch.once(event, () => resolve()));
      await b.get(sid);
      await pause(150);
      const changed = emitted('changed');
      const mine = await get(a, sid);
      mine.n = 2;
      await a.set(sid, mine);
      await changed;
      const destroyed = emitted('destroyed');
      await a.destroy(sid);
      await destroyed;
      const here = new Promise((resolve) => b.watch(other).once('destroyed', () => resolve()));
      quiet.close();
      await b.destroy(other);
      await here;
      assert.equal(b.status().watched, 0);
    },
  },
  {
    name: 'after close, calls reject, and another close does not',
    run: async (open) => {
      const store = open();
      await store.close();
      await assert.rejects(store.get('x'), { code: 'ERR_LIMPET_CLOSED' });
      await assert.rejects(store.set('x', session()), { code: 'ERR_LIMPET_CLOSED' });
      await store.close();
    },
  },
];
