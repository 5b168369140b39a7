import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { markOpen } from '../../../src/session/core/express-session.ts';
import type { OnStoreDown } from '../../../src/session/core/rows.ts';
import type { SessionFields } from '../../../src/session/core/serializer.ts';
import { SessionStore } from '../../../src/session/core/store.ts';
import { storeAway } from '../../../src/session/core/store-errors.ts';
import type { StoreOptions } from '../../../src/session/core/store-options.ts';
import { FakeBackend, gate } from './fake-backend.ts';

class FakeStore extends SessionStore {
  constructor(backend: FakeBackend, options: StoreOptions & { onStoreDown?: OnStoreDown }) {
    super(backend, options);
  }
}

const now = 1_700_000_000_000;
let backend: FakeBackend;
beforeEach(() => {
  vi.useFakeTimers({ now });
  backend = new FakeBackend();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const storeWith = (options: StoreOptions & { onStoreDown?: OnStoreDown } = {}): FakeStore =>
  new FakeStore(backend, options);
async function get(store: SessionStore, sid = 'a'): Promise<SessionFields> {
  const session = await store.get(sid);
  if (!session) throw new Error(`session ${sid} is missing`);
  return session;
}
const away = storeAway('the store does not answer');
const failAlways = (): void => {
  backend.before = () => {
    throw away;
  };
};

describe('a call with a callback', () => {
  /** Resolves with the arguments of the callback. */
  const argumentsOf = (call: (callback: (...values: unknown[]) => void) => unknown): Promise<unknown[]> =>
    new Promise((resolve) => {
      expect(call((...values) => resolve(values))).toBeUndefined();
    });

  test('gets null as the error, and the result', async () => {
    const raw = backend.put('a', { n: 1 });
    const store = storeWith();
    expect(await argumentsOf((done) => store.get('a', done))).toEqual([null, { n: 1 }]);
    expect(await argumentsOf((done) => store.get('b', done))).toEqual([null, null]);
    expect(await argumentsOf((done) => store.set('b', { n: 2 }, done))).toEqual([null, undefined]);
    expect(await argumentsOf((done) => store.touch('a', {}, done))).toEqual([null, undefined]);
    expect(await argumentsOf((done) => store.length(done))).toEqual([null, 2]);
    expect(await argumentsOf((done) => store.ids(done))).toEqual([null, ['a', 'b']]);
    expect(await argumentsOf((done) => store.all(done))).toEqual([
      null,
      [
        { n: 1, id: 'a' },
        { n: 2, id: 'b' },
      ],
    ]);
    expect(await argumentsOf((done) => store.destroy('a', done))).toEqual([null, undefined]);
    expect(await argumentsOf((done) => store.clear(done))).toEqual([null, undefined]);
    expect([raw, backend.rows.size]).toEqual(['{"n":1}', 0]);
  });

  test('gets the error alone', async () => {
    backend.put('a', {});
    failAlways();
    const store = storeWith();
    for (const call of ['get', 'destroy'] as const) {
      expect(await argumentsOf((done) => store[call]('a', done as never))).toEqual([away]);
    }
    for (const call of ['set', 'touch'] as const) {
      expect(await argumentsOf((done) => store[call]('a', {}, done as never))).toEqual([away]);
    }
    expect(await argumentsOf((done) => store.all(done))).toEqual([away]);
    expect(await argumentsOf((done) => store.clear(done))).toEqual([away]);
  });
});

describe('a call without a callback', () => {
  test('returns a promise of the result', async () => {
    const store = storeWith();
    expect(await store.set('a', { n: 1 })).toBeUndefined();
    expect(await store.get('a')).toEqual({ n: 1 });
    expect(await store.get('b')).toBeNull();
    expect(await store.touch('a', {})).toBeUndefined();
    expect(await store.ids()).toEqual(['a']);
    expect(await store.length()).toBe(1);
    expect(await store.all()).toEqual([{ n: 1, id: 'a' }]);
    expect(await store.destroy('a')).toBeUndefined();
    await store.set('b', {});
    expect(await store.clear()).toBeUndefined();
    expect(backend.rows.size).toBe(0);
  });

  test('returns a promise that rejects', async () => {
    failAlways();
    await expect(storeWith().get('a')).rejects.toBe(away);
    await expect(storeWith().set('a', {})).rejects.toBe(away);
  });
});

describe('set', () => {
  test('compares a session that came from get', async () => {
    backend.put('a', { mine: 1, theirs: 1 });
    const store = storeWith();
    const session = await get(store);
    backend.put('a', { mine: 1, theirs: 2 });
    session.mine = 2;
    await store.set('a', session);
    expect(backend.fieldsOf('a')).toEqual({ mine: 2, theirs: 2 });
  });

  test('stores a plain object over any row, and if there is no row', async () => {
    const store = storeWith();
    backend.put('a', { theirs: 1 });
    await store.set('a', { mine: 1 });
    expect(backend.fieldsOf('a')).toEqual({ mine: 1 });
    await store.set('b', { mine: 1 });
    expect(backend.fieldsOf('b')).toEqual({ mine: 1 });
  });

  test('compares a plain object from its second save on', async () => {
    const store = storeWith();
    const session: SessionFields = { mine: 1 };
    await store.set('a', session);
    backend.put('a', { mine: 1, theirs: 1 });
    session.mine = 2;
    await store.set('a', session);
    expect(backend.fieldsOf('a')).toEqual({ mine: 2, theirs: 1 });
  });

  test('of a session that is gone stores nothing, and emits gone', async () => {
    backend.put('a', {});
    const store = storeWith();
    const gone = vi.fn();
    store.on('gone', gone);
    const session = await get(store);
    backend.rows.clear();
    await store.set('a', session);
    expect(gone).toHaveBeenCalledExactlyOnceWith('a');
    expect(backend.rows.size).toBe(0);
  });

  test('of a session that is gone rejects while the application has not ended the response', async () => {
    backend.put('a', {});
    const store = storeWith();
    const session = await get(store);
    const request = {} as IncomingMessage;
    const response = { end: () => undefined } as unknown as ServerResponse;
    Object.defineProperty(session, 'req', { value: request });
    markOpen(request, response);
    await store.set('a', session);
    backend.rows.clear();
    await expect(store.set('a', session)).rejects.toMatchObject({
      code: 'ERR_LIMPET_SESSION_GONE',
      facts: { sid: 'a' },
    });
    response.end();
    await store.set('a', session);
  });
});

describe('touch', () => {
  test('uses what get has read: a touch that gains little is not sent', async () => {
    backend.put('a', {}, now + 59_900);
    const store = storeWith({ ttl: 60 });
    await store.touch('a', await get(store));
    expect(backend.calls).toEqual([['read', 'a']]);
    await store.touch('a', {});
    expect(backend.calls.at(-1)).toEqual(['touch', 'a', 60_000]);
  });
});

describe('a session of express-session', () => {
  const cookie = { originalMaxAge: null, expires: null };

  test('keeps the snapshot of the fields that it was made from', async () => {
    const raw = backend.put('a', { cookie, n: 1 });
    const store = storeWith();
    const request = { sessionID: 'a', sessionStore: store };
    const session = store.createSession(request as never, (await get(store)) as never) as SessionFields;
    session.n = 2;
    await store.set('a', session);
    expect(backend.calls.at(-1)?.slice(0, 3)).toEqual(['replace', 'a', raw]);
  });

  test('that was never stored is created', async () => {
    const store = storeWith();
    const request = { sessionID: 'a', sessionStore: store };
    const session = store.createSession(
      request as never,
      { cookie: { ...cookie } } as never,
    ) as SessionFields;
    await store.set('a', session);
    expect(backend.calls.at(-1)?.[0]).toBe('create');
  });
});

describe('a framework that copies the session', () => {
  /** As @fastify/session: an object of its own, with save() and without a request. */
  const copyOf = (session: SessionFields): SessionFields => ({ ...session, save: () => undefined });

  test('gets the compare-and-set from its second request on', async () => {
    const store = storeWith();
    await store.set('a', copyOf({ n: 1 }));
    const raw = backend.rows.get('a')?.raw;
    await store.set('a', copyOf(await get(store)));
    expect(backend.calls.at(-1)?.slice(0, 3)).toEqual(['replace', 'a', raw]);
  });

  test('does not bring back a session that was destroyed after the read', async () => {
    const store = storeWith();
    await store.set('a', copyOf({ n: 1 }));
    const copy = copyOf(await get(store));
    backend.rows.clear();
    await store.set('a', copy);
    expect(backend.rows.size).toBe(0);
  });

  test('has a snapshot for each copy: a save of one does not change the other', async () => {
    const store = storeWith();
    await store.set('a', copyOf({ n: 0 }));
    const read = await get(store);
    await store.set('a', copyOf({ ...read, one: 1 }));
    await store.set('a', copyOf({ ...read, two: 2 }));
    expect(backend.fieldsOf('a')).toEqual({ n: 0, one: 1, two: 2 });
  });

  test('does not change how a plain object is stored', async () => {
    const store = storeWith();
    await store.set('a', copyOf({ n: 1 }));
    await get(store);
    await store.set('a', { plain: true });
    expect(backend.calls.at(-1)?.[0]).toBe('create');
    expect(backend.fieldsOf('a')).toEqual({ plain: true });
  });

  test('is recognized by save() without a request', async () => {
    const store = storeWith();
    await store.set('a', { n: 1, save: 'no function' } as SessionFields);
    await store.set('b', { n: 1, save: () => undefined, req: {} } as SessionFields);
    await get(store);
    await store.set('a', copyOf({ n: 2 }));
    // Nothing was remembered before the first copy.
    expect(backend.calls.at(-1)?.[0]).toBe('create');
    await get(store);
    await store.set('a', copyOf({ n: 3 }));
    expect(backend.calls.at(-1)?.[0]).toBe('replace');
  });
});

describe('the options', () => {
  test('have the defaults of storeRules', async () => {
    const store = storeWith();
    await store.set('a', {});
    expect(backend.calls.at(-1)).toEqual(['create', 'a', '{}', 86_400_000]);
    await store.set('b', { text: 'x'.repeat(1024 * 1024 - 11) });
    await expect(store.set('c', { text: 'x'.repeat(1024 * 1024 - 10) })).rejects.toMatchObject({
      facts: { sessionBytesMax: 1_048_576 },
    });
    failAlways();
    await expect(store.get('a')).rejects.toBe(away);
  });

  test('touchAfterMs is a hundredth of the life by default', async () => {
    backend.put('a', {}, now + 9901);
    const store = storeWith({ ttl: 10 });
    await store.touch('a', await get(store));
    expect(backend.calls).toHaveLength(1);
    backend.put('a', {}, now + 9900);
    await store.touch('a', await get(store));
    expect(backend.calls.at(-1)).toEqual(['touch', 'a', 10_000]);
  });

  test('ttl is in seconds, as a number or as a function of the session', async () => {
    await storeWith({ ttl: 1.5 }).set('a', {});
    expect(backend.calls.at(-1)?.[3]).toBe(1500);
    const ttl = vi.fn(() => 2);
    await storeWith({ ttl }).set('a', { n: 1 });
    expect(backend.calls.at(-1)?.[3]).toBe(2000);
    expect(ttl).toHaveBeenCalledWith({ n: 1 });
  });

  test('apply', async () => {
    const serializer = { stringify: () => 'sealed', parse: () => ({ opened: true }) };
    const store = storeWith({
      serializer,
      touchAfterMs: Number.POSITIVE_INFINITY,
      onConflict: 'error',
      onStoreDown: 'anonymous',
      sessionBytesMax: 5,
    });
    await expect(store.set('a', {})).rejects.toMatchObject({ code: 'ERR_LIMPET_SESSION_SIZE' });
    backend.rows.set('a', { raw: 'sealed', expiresAt: now + 1000 });
    const session = await get(store);
    expect(session).toEqual({ opened: true });
    await store.touch('a', session);
    expect(store.status()).toMatchObject({ touchesLeftOut: 1 });
    failAlways();
    expect(await store.get('a')).toEqual({ cookie: { originalMaxAge: null, expires: null } });
  });

  test("onConflict 'error' makes set reject", async () => {
    backend.put('a', { n: 1 });
    const store = storeWith({ onConflict: 'error' });
    const session = await get(store);
    backend.put('a', { n: 2 });
    await expect(store.set('a', session)).rejects.toMatchObject({ code: 'ERR_LIMPET_SESSION_CONFLICT' });
  });
});

describe('the events', () => {
  test("up and down are those of the backend, and express-session gets 'connect' only", () => {
    const store = storeWith();
    const events: unknown[][] = [];
    for (const name of ['up', 'down', 'connect', 'disconnect']) {
      store.on(name, (...values: unknown[]) => events.push([name, ...values]));
    }
    backend.listener?.up();
    backend.listener?.down('no answer');
    expect(events).toEqual([['up'], ['connect'], ['down', 'no answer']]);
  });

  test('degraded is a process warning too', () => {
    const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const store = storeWith();
    const degraded = vi.fn();
    store.on('degraded', degraded);
    backend.listener?.degraded('nearCache', 'no right to CLIENT');
    expect(degraded).toHaveBeenCalledExactlyOnceWith('nearCache', 'no right to CLIENT');
    expect(emitWarning).toHaveBeenCalledExactlyOnceWith(
      'nearCache is off: no right to CLIENT',
      'LimpetSessionWarning',
    );
  });

  test('disconnect comes with close(), after the backend has closed', async () => {
    const store = storeWith();
    const closedAtEvent = vi.fn(() => backend.closed);
    store.on('disconnect', closedAtEvent);
    await store.close();
    expect(closedAtEvent).toHaveReturnedWith(1);
  });
});

test('watch() returns a watch of the session', async () => {
  backend.put('a', { n: 1 });
  const store = storeWith();
  const watch = store.watch('a');
  const destroyed = vi.fn();
  watch.on('destroyed', destroyed);
  expect(watch.sid).toBe('a');
  expect(store.status()).toMatchObject({ kind: 'fake', watched: 1 });
  await store.destroy('a');
  expect(destroyed).toHaveBeenCalledOnce();
});

test('all() leaves out a session that ends while the others are read', async () => {
  for (const sid of ['a', 'b']) backend.put(sid, { sid });
  const { passed, open } = gate();
  backend.before = () => passed;
  const all = storeWith().all();
  backend.rows.delete('b');
  open();
  expect(await all).toEqual([{ sid: 'a', id: 'a' }]);
});
