import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type RowsListener, type RowsOptions, SessionRows } from '../../../src/session/core/rows.ts';
import { type CookieFields, json } from '../../../src/session/core/serializer.ts';
import { newSnapshot } from '../../../src/session/core/snapshot.ts';
import { storeAway, storeRefused } from '../../../src/session/core/store-errors.ts';
import { FakeBackend, gate } from './fake-backend.ts';

const now = 1_700_000_000_000;
let backend: FakeBackend;
let listener: { [call in keyof RowsListener]: ReturnType<typeof vi.fn> };
beforeEach(() => {
  vi.useFakeTimers({ now });
  backend = new FakeBackend();
  listener = { up: vi.fn(), down: vi.fn(), gone: vi.fn(), degraded: vi.fn() };
});
afterEach(() => vi.useRealTimers());

function rowsWith(options: Partial<RowsOptions> = {}): SessionRows {
  return new SessionRows(
    backend,
    {
      serializer: json,
      ttlMs: 100_000,
      sessionBytesMax: 1000,
      touchAfterMs: 'auto',
      onConflict: 'merge',
      onStoreDown: 'error',
      ...options,
    },
    listener as unknown as RowsListener,
  );
}

const endingIn = (ms: number): CookieFields => ({
  originalMaxAge: ms,
  expires: new Date(now + ms).toISOString(),
});
async function load(rows: SessionRows, sid = 'a') {
  const loaded = await rows.load(sid);
  if (!loaded) throw new Error(`session ${sid} is missing`);
  return loaded;
}
const failWith = (error: Error): void => {
  backend.before = () => {
    throw error;
  };
};
const away = storeAway('the store does not answer');
const callsOf = (name: string): unknown[][] => backend.calls.filter(([call]) => call === name);

describe('load', () => {
  test('returns the session and a snapshot of its row', async () => {
    const raw = backend.put('a', { n: 1 }, now + 5000);
    expect(await rowsWith().load('a')).toEqual({
      fields: { n: 1 },
      snapshot: { base: raw, known: raw, expiresAt: now + 5000 },
    });
  });

  test('returns undefined when there is no row', async () => {
    expect(await rowsWith().load('a')).toBeUndefined();
  });

  test('returns each time a session of its own', async () => {
    backend.put('a', { list: [1] });
    const rows = rowsWith();
    (await load(rows)).fields.list = [2];
    expect((await load(rows)).fields.list).toEqual([1]);
  });

  test('an error is never a missing session', async () => {
    failWith(away);
    const rows = rowsWith();
    await expect(rows.load('a')).rejects.toBe(away);
    expect(rows.status()).toMatchObject({ failures: 1, stale: 0, anonymous: 0 });
  });

  test("onStoreDown 'stale' returns the session as last seen", async () => {
    backend.put('a', { n: 1 });
    failWith(away);
    const rows = rowsWith({ onStoreDown: 'stale' });
    expect((await load(rows)).fields).toEqual({ n: 1 });
    expect(rows.status()).toMatchObject({ failures: 1, stale: 1 });
  });

  test("onStoreDown 'stale' is an error for a session that was never seen, and in a store that remembers none", async () => {
    failWith(away);
    const rows = rowsWith({ onStoreDown: 'stale' });
    await expect(rows.load('a')).rejects.toBe(away);
    backend.put('a', { n: 1 });
    Object.assign(backend, { lastKnown: undefined });
    await expect(rows.load('a')).rejects.toBe(away);
    expect(rows.status()).toMatchObject({ failures: 2, stale: 0 });
  });

  test("onStoreDown 'anonymous' returns an empty session", async () => {
    backend.put('a', { user: 'me' });
    failWith(away);
    const rows = rowsWith({ onStoreDown: 'anonymous' });
    expect(await rows.load('a')).toEqual({
      fields: { cookie: { originalMaxAge: null, expires: null } },
      snapshot: { base: '', known: undefined, expiresAt: Number.NEGATIVE_INFINITY, anonymous: true },
    });
    expect(rows.status()).toMatchObject({ failures: 1, anonymous: 1 });
  });

  test.each(['stale', 'anonymous'] as const)(
    'a refusal is an error in spite of onStoreDown %j',
    async (onStoreDown) => {
      backend.put('a', {});
      const refused = storeRefused('no permission');
      failWith(refused);
      await expect(rowsWith({ onStoreDown }).load('a')).rejects.toBe(refused);
    },
  );
});

describe('save', () => {
  test('creates the row of a new session, and updates the snapshot', async () => {
    const snapshot = newSnapshot();
    expect(await rowsWith().save('a', { n: 1 }, snapshot)).toBe('stored');
    expect(backend.calls).toEqual([['create', 'a', '{"n":1}', 100_000]]);
    expect(snapshot).toStrictEqual({ base: '{"n":1}', known: '{"n":1}', expiresAt: now + 100_000 });
  });

  test('replaces the row that was read, and no other', async () => {
    const raw = backend.put('a', { n: 1 });
    const rows = rowsWith();
    const { fields, snapshot } = await load(rows);
    fields.n = 2;
    expect(await rows.save('a', fields, snapshot)).toBe('stored');
    expect(callsOf('replace')).toEqual([['replace', 'a', raw, '{"n":2}', 100_000]]);
    expect(snapshot).toStrictEqual({ base: '{"n":2}', known: '{"n":2}', expiresAt: now + 100_000 });
  });

  test('without another request stores exactly the text of the object, with the life of the object', async () => {
    backend.put('a', { a: 1, b: 1 });
    const ttlMs = vi.fn(() => 7000);
    const rows = rowsWith({ ttlMs });
    const { snapshot } = await load(rows);
    await rows.save('a', { b: 2, a: 1 }, snapshot);
    expect(callsOf('replace').map(([, , , ...rest]) => rest)).toEqual([['{"b":2,"a":1}', 7000]]);
    expect(ttlMs).toHaveBeenCalledOnce();
  });

  test('the second save of an object replaces the row of the first', async () => {
    const rows = rowsWith();
    const snapshot = newSnapshot();
    await rows.save('a', { n: 1 }, snapshot);
    await rows.save('a', { n: 2 }, snapshot);
    expect(callsOf('replace')).toEqual([['replace', 'a', '{"n":1}', '{"n":2}', 100_000]]);
  });

  test('a session that has expired is destroyed', async () => {
    backend.put('a', {});
    const rows = rowsWith();
    for (const ms of [0, -1]) {
      expect(await rows.save('a', { cookie: endingIn(ms) }, newSnapshot())).toBe('stored');
    }
    expect(backend.calls).toEqual([
      ['remove', 'a'],
      ['remove', 'a'],
    ]);
    await rows.save('a', { cookie: endingIn(1) }, newSnapshot());
    expect(callsOf('create')).toHaveLength(1);
  });

  test('a session that is gone is not stored again, and is reported', async () => {
    backend.put('a', { user: 'me' });
    const rows = rowsWith();
    const { fields, snapshot } = await load(rows);
    const destroyed = vi.fn();
    rows.watchers.watch('a').on('destroyed', destroyed);
    backend.rows.delete('a');
    expect(await rows.save('a', fields, snapshot)).toBe('gone');
    expect(backend.rows.size).toBe(0);
    expect(listener.gone).toHaveBeenCalledExactlyOnceWith('a');
    expect(destroyed).toHaveBeenCalledOnce();
    expect(rows.status()).toMatchObject({ gone: 1, failures: 0 });
  });

  test('the empty stand-in of a store that was away is never stored', async () => {
    failWith(away);
    const rows = rowsWith({ onStoreDown: 'anonymous' });
    const { fields, snapshot } = await load(rows);
    backend.before = () => undefined;
    await expect(rows.save('a', fields, snapshot)).rejects.toMatchObject({
      code: 'ERR_LIMPET_STORE',
      message: expect.stringContaining('stand-in'),
      facts: { away: true },
    });
    expect(backend.rows.size).toBe(0);
  });

  test('a session that is too large is refused before the backend is called', async () => {
    await expect(rowsWith().save('a', { text: 'x'.repeat(1000) }, newSnapshot())).rejects.toMatchObject({
      code: 'ERR_LIMPET_SESSION_SIZE',
    });
    expect(backend.calls).toEqual([]);
  });

  test('an error is counted and passed on, and the snapshot stays', async () => {
    const raw = backend.put('a', { n: 1 });
    const rows = rowsWith();
    const { fields, snapshot } = await load(rows);
    failWith(away);
    fields.n = 2;
    await expect(rows.save('a', fields, snapshot)).rejects.toBe(away);
    expect(rows.status()).toMatchObject({ failures: 1 });
    expect(snapshot).toStrictEqual({ base: raw, known: raw, expiresAt: now + 60_000 });
  });
});

describe('a save that finds the row of another request', () => {
  test('merges, and stores with compare-and-set', async () => {
    const raw = backend.put('a', { mine: 1, theirs: 1 });
    const rows = rowsWith();
    const { fields, snapshot } = await load(rows);
    const other = backend.put('a', { mine: 1, theirs: 2 });
    fields.mine = 3;
    expect(await rows.save('a', fields, snapshot)).toBe('stored');
    expect(backend.fieldsOf('a')).toEqual({ mine: 3, theirs: 2 });
    expect(callsOf('replace')).toEqual([
      ['replace', 'a', raw, '{"mine":3,"theirs":1}', 100_000],
      ['replace', 'a', other, '{"mine":3,"theirs":2}', 100_000],
    ]);
    expect(rows.status()).toMatchObject({ conflicts: 1, failures: 0 });
  });

  test('the next save of the same object does not undo the merge', async () => {
    backend.put('a', { mine: 1, theirs: 1 });
    const rows = rowsWith();
    const { fields, snapshot } = await load(rows);
    backend.put('a', { mine: 1, theirs: 2 });
    fields.mine = 3;
    await rows.save('a', fields, snapshot);
    expect(snapshot).toMatchObject({ base: '{"mine":3,"theirs":1}', known: '{"mine":3,"theirs":2}' });
    fields.mine = 4;
    await rows.save('a', fields, snapshot);
    expect(backend.fieldsOf('a')).toEqual({ mine: 4, theirs: 2 });
  });

  test('merges again after each race that it loses', async () => {
    backend.put('a', { mine: 1, theirs: 0 });
    const rows = rowsWith();
    const { fields, snapshot } = await load(rows);
    let races = 3;
    backend.before = () => {
      if (races-- > 0) backend.put('a', { mine: 1, theirs: races });
    };
    fields.mine = 2;
    expect(await rows.save('a', fields, snapshot)).toBe('stored');
    expect(backend.fieldsOf('a')).toEqual({ mine: 2, theirs: 0 });
    expect(rows.status()).toMatchObject({ conflicts: 3 });
  });

  test('gives the merged row the life of the merged cookie', async () => {
    backend.put('a', { cookie: endingIn(10_000) });
    const rows = rowsWith();
    const { fields, snapshot } = await load(rows);
    backend.put('a', { cookie: endingIn(90_000), theirs: 1 });
    fields.mine = 1;
    fields.cookie = endingIn(20_000);
    await rows.save('a', fields, snapshot);
    // endingIn() sets originalMaxAge too, so that ours has changed an attribute: its cookie wins.
    expect(backend.rows.get('a')?.expiresAt).toBe(now + 20_000);
    expect(snapshot.expiresAt).toBe(now + 20_000);
  });

  test('keeps the later end of two touches', async () => {
    const cookie = (ms: number) => ({ path: '/', expires: new Date(now + ms).toISOString() });
    backend.put('a', { cookie: cookie(10_000) }, now + 10_000);
    const rows = rowsWith();
    const { fields, snapshot } = await load(rows);
    backend.put('a', { cookie: cookie(90_000), theirs: 1 });
    fields.cookie = cookie(20_000);
    await rows.save('a', fields, snapshot);
    expect(backend.rows.get('a')?.expiresAt).toBe(now + 90_000);
    expect(snapshot.expiresAt).toBe(now + 90_000);
  });

  test('is stored when the row is its own text, because the backend repeated the write', async () => {
    backend.put('a', { n: 1 });
    const rows = rowsWith();
    const { fields, snapshot } = await load(rows);
    backend.put('a', { n: 2 });
    fields.n = 2;
    expect(await rows.save('a', fields, snapshot)).toBe('stored');
    expect(callsOf('replace')).toHaveLength(1);
    expect(rows.status()).toMatchObject({ conflicts: 0 });
    expect(snapshot).toMatchObject({ base: '{"n":2}', known: '{"n":2}', expiresAt: now + 100_000 });
  });

  test('is gone when the row ended during the merge', async () => {
    backend.put('a', { n: 1 });
    const rows = rowsWith();
    const { fields, snapshot } = await load(rows);
    backend.put('a', { n: 2 });
    let replaces = 0;
    backend.before = () => {
      if (++replaces === 2) backend.rows.delete('a');
    };
    fields.mine = 1;
    expect(await rows.save('a', fields, snapshot)).toBe('gone');
    expect(rows.status()).toMatchObject({ conflicts: 1, gone: 1 });
  });

  test("onConflict 'error' rejects, and leaves the other row", async () => {
    const raw = backend.put('a', { n: 1 });
    const rows = rowsWith({ onConflict: 'error' });
    const { fields, snapshot } = await load(rows);
    backend.put('a', { n: 2 });
    fields.n = 3;
    await expect(rows.save('a', fields, snapshot)).rejects.toMatchObject({
      code: 'ERR_LIMPET_SESSION_CONFLICT',
      message: expect.stringContaining("onConflict is 'error'"),
    });
    expect(backend.fieldsOf('a')).toEqual({ n: 2 });
    expect(snapshot.known).toBe(raw);
    expect(rows.status()).toMatchObject({ conflicts: 1, failures: 1 });
  });

  test("onConflict 'last-write' replaces any row, and still does not bring back one that is gone", async () => {
    backend.put('a', { n: 1 });
    const rows = rowsWith({ onConflict: 'last-write' });
    const { fields, snapshot } = await load(rows);
    backend.put('a', { n: 2, theirs: 2 });
    fields.n = 3;
    expect(await rows.save('a', fields, snapshot)).toBe('stored');
    expect(callsOf('replace')).toEqual([['replace', 'a', undefined, '{"n":3}', 100_000]]);
    backend.rows.clear();
    expect(await rows.save('a', fields, snapshot)).toBe('gone');
  });
});

describe('two saves of one object', () => {
  test('run one after the other, each with the data of its call', async () => {
    backend.put('a', {});
    const rows = rowsWith();
    const { fields, snapshot } = await load(rows);
    const { passed, open } = gate();
    backend.before = () => passed;
    fields.a = 1;
    const first = rows.save('a', fields, snapshot);
    delete fields.a;
    fields.b = 2;
    const second = rows.save('a', fields, snapshot);
    await vi.advanceTimersByTimeAsync(0);
    expect(callsOf('replace')).toHaveLength(1);
    open();
    expect(await Promise.all([first, second])).toEqual(['stored', 'stored']);
    expect(callsOf('replace').map(([, , known, raw]) => [known, raw])).toEqual([
      ['{}', '{"a":1}'],
      ['{"a":1}', '{"b":2}'],
    ]);
    expect(snapshot.saving).toBeUndefined();
    expect('saving' in snapshot).toBe(false);
  });

  test('the third waits for the second, also when it begins after the first has ended', async () => {
    backend.put('a', {});
    const rows = rowsWith();
    const { snapshot } = await load(rows);
    const gates = [gate(), gate(), gate()];
    let replaces = 0;
    backend.before = () => gates[replaces++]?.passed;
    const first = rows.save('a', { n: 1 }, snapshot);
    const second = rows.save('a', { n: 2 }, snapshot);
    gates[0]?.open();
    await first;
    const third = rows.save('a', { n: 3 }, snapshot);
    await vi.advanceTimersByTimeAsync(0);
    expect(callsOf('replace')).toHaveLength(2);
    gates[1]?.open();
    gates[2]?.open();
    expect(await Promise.all([second, third])).toEqual(['stored', 'stored']);
    expect(backend.fieldsOf('a')).toEqual({ n: 3 });
  });

  test('the second runs although the first has failed', async () => {
    backend.put('a', {});
    const rows = rowsWith();
    const { fields, snapshot } = await load(rows);
    const { passed, fail } = gate();
    backend.before = () => passed;
    const first = rows.save('a', { n: 1 }, snapshot);
    const second = rows.save('a', { n: 2 }, snapshot);
    const third = rows.save('a', { n: 3 }, snapshot);
    const failed = expect(first).rejects.toBe(away);
    backend.before = () => undefined;
    fail(away);
    await failed;
    expect(await Promise.all([second, third])).toEqual(['stored', 'stored']);
    expect(backend.fieldsOf('a')).toEqual({ n: 3 });
    expect(fields).toEqual({});
    expect('saving' in snapshot).toBe(false);
  });
});

describe('touch', () => {
  test('sets the life of the row, and of the snapshot', async () => {
    backend.put('a', {}, now + 10_000);
    const rows = rowsWith();
    const { snapshot } = await load(rows);
    await rows.touch('a', { cookie: endingIn(50_000) }, snapshot);
    expect(callsOf('touch')).toEqual([['touch', 'a', 50_000]]);
    expect(snapshot.expiresAt).toBe(now + 50_000);
  });

  test('without a snapshot is always sent', async () => {
    backend.put('a', {}, now + 50_000);
    await rowsWith().touch('a', { cookie: endingIn(50_000) }, undefined);
    expect(callsOf('touch')).toEqual([['touch', 'a', 50_000]]);
  });

  test('of a missing row does nothing to the snapshot', async () => {
    const rows = rowsWith();
    const snapshot = { base: '', known: '', expiresAt: now };
    await rows.touch('a', { cookie: endingIn(50_000) }, snapshot);
    expect(snapshot.expiresAt).toBe(now);
    expect(backend.rows.size).toBe(0);
  });

  test.each([
    ['a hundredth of the life', 'auto', 10_000, 99, 100],
    ['a minute at most', 'auto', 10_000_000, 59_999, 60_000],
    ['touchAfterMs', 2000, 10_000, 1999, 2000],
  ] as const)('is not sent if it gains less than %s', async (_name, touchAfterMs, lifeMs, less, enough) => {
    backend.put('a', {});
    const rows = rowsWith({ touchAfterMs });
    const touch = (gainMs: number): Promise<void> =>
      rows.touch(
        'a',
        { cookie: endingIn(lifeMs) },
        { base: '', known: '', expiresAt: now + lifeMs - gainMs },
      );
    await touch(less);
    await touch(0);
    expect(backend.calls).toEqual([]);
    expect(rows.status()).toMatchObject({ touchesLeftOut: 2 });
    await touch(enough);
    expect(backend.calls).toHaveLength(1);
    expect(rows.status()).toMatchObject({ touchesLeftOut: 2 });
  });

  test('that shortens the life is always sent', async () => {
    backend.put('a', {});
    const rows = rowsWith({ touchAfterMs: Number.POSITIVE_INFINITY });
    const snapshot = { base: '', known: '', expiresAt: now + 50_001 };
    await rows.touch('a', { cookie: endingIn(50_000) }, snapshot);
    expect(callsOf('touch')).toHaveLength(1);
  });

  test('of a session that has expired destroys it', async () => {
    backend.put('a', {});
    const rows = rowsWith();
    await rows.touch('a', { cookie: endingIn(0) }, undefined);
    expect(backend.calls).toEqual([['remove', 'a']]);
    await rows.touch('a', { cookie: endingIn(1) }, undefined);
    expect(callsOf('touch')).toHaveLength(1);
  });

  test('of an anonymous session is not sent', async () => {
    const rows = rowsWith();
    await rows.touch('a', { cookie: endingIn(-1) }, { ...newSnapshot(), anonymous: true });
    expect(backend.calls).toEqual([]);
  });

  test('of requests that arrive together is sent once', async () => {
    backend.put('a', {}, now + 1000);
    backend.put('b', {}, now + 1000);
    const rows = rowsWith();
    const { passed, open } = gate();
    backend.before = (call) => (call === 'touch' ? passed : undefined);
    const session = { cookie: endingIn(50_000) };
    const [one, two, other] = [await load(rows), await load(rows), await load(rows, 'b')];
    const touches = [
      rows.touch('a', session, one.snapshot),
      rows.touch('a', session, two.snapshot),
      rows.touch('b', session, other.snapshot),
    ];
    open();
    await Promise.all(touches);
    expect(callsOf('touch')).toEqual([
      ['touch', 'a', 50_000],
      ['touch', 'b', 50_000],
    ]);
    const later = await load(rows);
    later.snapshot.expiresAt = now;
    await rows.touch('a', session, later.snapshot);
    expect(callsOf('touch')).toHaveLength(3);
  });

  test('without a snapshot does not wait for another one', async () => {
    backend.put('a', {}, now + 1000);
    const rows = rowsWith();
    const session = { cookie: endingIn(50_000) };
    await Promise.all([rows.touch('a', session, undefined), rows.touch('a', session, undefined)]);
    expect(callsOf('touch')).toHaveLength(2);
  });

  test('rejects when the store is away, and counts it', async () => {
    failWith(away);
    const rows = rowsWith();
    await expect(rows.touch('a', {}, undefined)).rejects.toBe(away);
    expect(rows.status()).toMatchObject({ failures: 1 });
  });

  test.each(['stale', 'anonymous'] as const)(
    'with onStoreDown %j resolves when the store is away, and rejects when it refuses',
    async (onStoreDown) => {
      const rows = rowsWith({ onStoreDown });
      failWith(away);
      await rows.touch('a', {}, undefined);
      const refused = storeRefused('no permission');
      failWith(refused);
      await expect(rows.touch('a', {}, undefined)).rejects.toBe(refused);
      expect(rows.status()).toMatchObject({ failures: 2 });
    },
  );
});

describe('destroy', () => {
  test('removes the row, then closes its watches', async () => {
    backend.put('a', {});
    const rows = rowsWith();
    const destroyed = vi.fn();
    rows.watchers.watch('a').on('destroyed', destroyed);
    const { passed, open } = gate();
    backend.before = () => passed;
    const done = rows.destroy('a');
    await vi.advanceTimersByTimeAsync(0);
    expect(destroyed).not.toHaveBeenCalled();
    open();
    await done;
    expect(backend.rows.size).toBe(0);
    expect(destroyed).toHaveBeenCalledOnce();
  });

  test('rejects when the backend does, and closes no watch', async () => {
    backend.put('a', {});
    const rows = rowsWith();
    const destroyed = vi.fn();
    rows.watchers.watch('a').on('destroyed', destroyed);
    await vi.advanceTimersByTimeAsync(0);
    failWith(away);
    await expect(rows.destroy('a')).rejects.toBe(away);
    expect(destroyed).not.toHaveBeenCalled();
  });
});

describe('all sessions', () => {
  test('are listed once each, also when the backend lists one twice', async () => {
    backend.batches = [['a', 'b'], [], ['b', 'c', 'a']];
    const sids: string[] = [];
    for await (const sid of rowsWith().list()) sids.push(sid);
    expect(sids).toEqual(['a', 'b', 'c']);
  });

  test('are read one by one, and one that has ended is undefined', async () => {
    backend.put('a', { n: 1 });
    const rows = rowsWith({ onStoreDown: 'anonymous' });
    expect(await rows.peek('a')).toEqual({ n: 1 });
    expect(await rows.peek('b')).toBeUndefined();
    failWith(away);
    await expect(rows.peek('a')).rejects.toBe(away);
  });

  test('are destroyed by clear()', async () => {
    backend.batches = [['a', 'b'], ['c']];
    await rowsWith().clear();
    expect(backend.calls).toEqual([
      ['remove', 'a'],
      ['remove', 'b'],
      ['remove', 'c'],
    ]);
  });
});

describe('the rows of a store', () => {
  test('pass on what the backend reports', async () => {
    const rows = rowsWith();
    backend.put('a', { n: 1 });
    const changed = vi.fn();
    rows.watchers.watch('a').on('changed', changed);
    await vi.advanceTimersByTimeAsync(0);
    backend.listener?.up();
    backend.listener?.down('gone for lunch');
    backend.listener?.degraded('nearCache', 'no right');
    backend.put('a', { n: 2 });
    backend.listener?.changed('a');
    await vi.advanceTimersByTimeAsync(0);
    expect(listener.up).toHaveBeenCalledExactlyOnceWith();
    expect(listener.down).toHaveBeenCalledExactlyOnceWith('gone for lunch');
    expect(listener.degraded).toHaveBeenCalledExactlyOnceWith('nearCache', 'no right');
    expect(changed).toHaveBeenCalledOnce();
  });

  test('have a status with the counters and the watches', () => {
    const rows = rowsWith();
    rows.watchers.watch('a');
    expect(rows.status()).toEqual({
      kind: 'fake',
      up: true,
      gone: 0,
      conflicts: 0,
      stale: 0,
      anonymous: 0,
      failures: 0,
      touchesLeftOut: 0,
      watched: 1,
    });
  });

  test('close the watches and the backend', async () => {
    const rows = rowsWith();
    backend.put('a', {});
    rows.watchers.watch('a');
    await rows.close();
    expect(rows.watchers.size).toBe(0);
    expect(backend.closed).toBe(1);
  });
});
