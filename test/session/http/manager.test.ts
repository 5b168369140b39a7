import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SessionStore } from '../../../src/session/core/store.ts';
import { storeAway } from '../../../src/session/core/store-errors.ts';
import { signedSid } from '../../../src/session/http/cookie.ts';
import { SessionManager, type SessionManagerOptions } from '../../../src/session/http/manager.ts';
import { FakeBackend } from '../core/fake-backend.ts';
import { settle, useFakeClock } from '../fake-clock.ts';

class FakeStore extends SessionStore {
  constructor(backend: FakeBackend) {
    super(backend, {});
  }
}

const now = 1_700_000_000_000;
const secret = 'a secret for these tests';
const cookie = { originalMaxAge: null, expires: null, path: '/' };

let backend: FakeBackend;
let sids: number;
beforeEach(() => {
  useFakeClock(now);
  backend = new FakeBackend();
  sids = 0;
});
afterEach(() => vi.useRealTimers());

const managerWith = (options: Partial<SessionManagerOptions> = {}): SessionManager =>
  new SessionManager({ store: new FakeStore(backend), secret, genid: () => `new-${++sids}`, ...options });
const header = (sid: string, name = 'connect.sid'): string =>
  `${name}=${encodeURIComponent(signedSid(sid, secret))}`;
const callsOf = (name: string): unknown[][] => backend.calls.filter(([call]) => call === name);

describe('load', () => {
  test('returns the stored session of a signed sid', async () => {
    backend.put('a', { cookie, user: 'me' });
    const session = await managerWith().load(header('a'));
    expect(session).toMatchObject({ id: 'a', stored: true, user: 'me' });
    expect(session.setCookie()).toBeUndefined();
  });

  test('returns a new session without a sid, and for a session that is gone', async () => {
    const manager = managerWith();
    for (const text of [undefined, 'connect.sid=forged', header('gone')]) {
      const session = await manager.load(text);
      expect(session).toMatchObject({ id: `new-${sids}`, stored: false });
      expect(session.setCookie()).toBeUndefined();
    }
    expect(callsOf('read')).toEqual([['read', 'gone']]);
  });

  test('rejects when the store is away: it never makes a new session then', async () => {
    backend.before = () => {
      throw storeAway('no answer');
    };
    await expect(managerWith().load(header('a'))).rejects.toMatchObject({ code: 'ERR_LIMPET_STORE' });
  });

  test('lengthens the life of the session, and resolves although that fails', async () => {
    const life = { ...cookie, originalMaxAge: 60_000, expires: new Date(now + 30_000).toISOString() };
    backend.put('a', { cookie: life }, now + 30_000);
    await managerWith().load(header('a'));
    await settle();
    expect(callsOf('touch')).toEqual([['touch', 'a', 60_000]]);
    backend.put('b', { cookie: life }, now + 30_000);
    backend.before = (call) => {
      if (call === 'touch') throw storeAway('no answer');
    };
    expect((await managerWith().load(header('b'))).stored).toBe(true);
    await settle();
  });

  test('uses the name of the cookie', async () => {
    backend.put('a', { cookie });
    expect((await managerWith({ name: 'id' }).load(header('a', 'id'))).stored).toBe(true);
  });

  test('makes sids of 192 random bits by default', async () => {
    const manager = new SessionManager({ store: new FakeStore(backend), secret });
    const [one, two] = [await manager.load(undefined), await manager.load(undefined)];
    expect(one.id).toMatch(/^[\w-]{32}$/);
    expect(one.id).not.toBe(two.id);
  });

  test('takes no option secret that is empty', () => {
    expect(() => managerWith({ secret: '' })).toThrow(expect.objectContaining({ code: 'ERR_LIMPET_OPTION' }));
  });
});

describe('a session', () => {
  test('is stored by save(), which sets the cookie once', async () => {
    const session = await managerWith().load(undefined);
    session.user = 'me';
    expect(session.stored).toBe(false);
    await session.save();
    expect(backend.fieldsOf('new-1')).toMatchObject({ user: 'me', cookie: { path: '/', httpOnly: true } });
    expect(session.stored).toBe(true);
    expect(session.setCookie()).toBe(
      `connect.sid=${encodeURIComponent(signedSid('new-1', secret))}; Path=/; HttpOnly; SameSite=Lax`,
    );
    const next = await managerWith().load(header('new-1'));
    await next.save();
    expect(next.setCookie()).toBeUndefined();
  });

  test('has its cookie in every response with the option rolling', async () => {
    backend.put('a', { cookie });
    const session = await managerWith({ rolling: true }).load(header('a'));
    expect(session.setCookie()).toContain('connect.sid=');
    expect((await managerWith({ rolling: true }).load(undefined)).setCookie()).toBeUndefined();
  });

  test('has a secure cookie on a secure connection, which is not sent over another one', async () => {
    const secure = await managerWith().load(undefined, { secure: true });
    await secure.save();
    expect(secure.setCookie()).toContain('; Secure');
    const insecure = await managerWith({ cookie: { secure: true } }).load(undefined);
    await insecure.save();
    expect(insecure.setCookie()).toBeUndefined();
  });

  test('restarts its life with each save', async () => {
    const session = await managerWith({ cookie: { maxAge: 60_000 } }).load(undefined);
    vi.setSystemTime(now + 10_000);
    await session.save();
    expect(backend.rows.get('new-1')?.expiresAt).toBe(now + 70_000);
  });

  test('cannot be saved after it was destroyed, here or elsewhere', async () => {
    backend.put('a', { cookie, user: 'me' });
    const manager = managerWith();
    const [here, elsewhere] = [await manager.load(header('a')), await manager.load(header('a'))];
    await here.destroy();
    expect(here).toMatchObject({ stored: false, user: 'me' });
    await expect(here.save()).rejects.toMatchObject({ code: 'ERR_LIMPET_SESSION_GONE', facts: { sid: 'a' } });
    await expect(elsewhere.save()).rejects.toMatchObject({ code: 'ERR_LIMPET_SESSION_GONE' });
    expect(backend.rows.size).toBe(0);
  });

  test('sets no cookie after it was destroyed', async () => {
    const session = await managerWith().load(undefined);
    await session.save();
    await session.destroy();
    expect(session.setCookie()).toBeUndefined();
  });

  test('is empty under a new sid after regenerate(), and the old row is gone', async () => {
    backend.put('a', { cookie, user: 'planted' });
    const session = await managerWith().load(header('a'));
    await session.regenerate();
    expect(backend.rows.size).toBe(0);
    expect(session).toMatchObject({ id: 'new-1', stored: false });
    expect(session.user).toBeUndefined();
    session.user = 'me';
    await session.save();
    expect(backend.fieldsOf('new-1')).toMatchObject({ user: 'me' });
    expect(session.setCookie()).toContain('new-1');
  });

  test('can be saved after regenerate() of a destroyed session', async () => {
    const session = await managerWith().load(undefined);
    await session.destroy();
    await session.regenerate();
    await session.save();
    expect(session.stored).toBe(true);
  });

  test('takes the stored data with reload()', async () => {
    backend.put('a', { cookie, theme: 'light', old: true });
    const session = await managerWith().load(header('a'));
    session.mine = 1;
    backend.put('a', { cookie, theme: 'dark' });
    await session.reload();
    expect({ ...session }).toMatchObject({ theme: 'dark' });
    expect(Object.keys(session).sort()).toEqual(['cookie', 'theme']);
    await session.save();
    backend.rows.clear();
    await expect(session.reload()).rejects.toMatchObject({ code: 'ERR_LIMPET_SESSION_GONE' });
  });

  test('keeps the cookie of its row, as a cookie of express-session', async () => {
    const expires = new Date(now + 30_000);
    backend.put('a', { cookie: { ...cookie, originalMaxAge: 30_000, expires } }, now + 30_000);
    const session = await managerWith().load(header('a'));
    expect(session.cookie.expires).toEqual(expires);
    expect(session.cookie).toMatchObject({ originalMaxAge: 30_000, maxAge: 30_000 });
  });

  test('does not let a row replace its methods', async () => {
    backend.put('a', { cookie, save: 'text', id: 'b' });
    const session = await managerWith().load(header('a'));
    expect(session.id).toBe('a');
    expect(session.save).toBeTypeOf('function');
  });
});
