import { describe, expect, test, vi } from 'vitest';
import { storeAway } from '../../../src/session/core/store-errors.ts';
import type { SessionManager } from '../../../src/session/http/manager.ts';
import type { Session } from '../../../src/session/http/session.ts';
import { loadUws, type UwsRequest, type UwsResponse } from '../../../src/session/http/uws.ts';

/** A response of uWebSockets.js, which records its calls. It throws when it is used after the client has gone, as the real one does. */
function fakeResponse() {
  const calls: unknown[][] = [];
  const aborts: (() => void)[] = [];
  let gone = false;
  const response: Record<string, unknown> = {
    onAborted: (handler: () => void) => {
      aborts.push(handler);
      return response;
    },
  };
  const names = [
    'write',
    'end',
    'tryEnd',
    'endWithoutBody',
    'beginWrite',
    'upgrade',
    'writeStatus',
    'writeHeader',
    'cork',
  ];
  for (const name of names) {
    response[name] = (...values: unknown[]) => {
      if (gone) throw new Error('the response must not be used after the client has gone');
      calls.push([name, ...values]);
      return `result of ${name}`;
    };
  }
  const abort = (): void => {
    gone = true;
    for (const handler of aborts) handler();
  };
  return {
    response: response as Record<string, (...values: unknown[]) => unknown> & UwsResponse,
    calls,
    abort,
  };
}

const requestWith = (headers: Record<string, string> = {}): UwsRequest => ({
  getHeader: (name) => headers[name] ?? '',
});
function managerOf(setCookie: string | undefined) {
  const load = vi.fn(async () => ({ setCookie: () => setCookie }) as unknown as Session);
  return { load, manager: { load } as unknown as SessionManager };
}
const plain = { secure: false, proxy: false };

describe('the session of a uWebSockets.js request', () => {
  test.each([
    ['the app is an SSLApp', { secure: true, proxy: false }, '', true],
    ['a trusted proxy says https', { secure: false, proxy: true }, 'https', true],
    ['a trusted proxy says https first, in any case', { secure: false, proxy: true }, ' HTTPS , http', true],
    ['a trusted proxy says http', { secure: false, proxy: true }, 'http, https', false],
    ['the proxy is not trusted', plain, 'https', false],
  ])('is secure as it must be when %s', async (_name, connection, forwarded, secure) => {
    const { load, manager } = managerOf(undefined);
    const request = requestWith({ cookie: 'a=1', 'x-forwarded-proto': forwarded });
    await loadUws(manager, fakeResponse().response, request, connection);
    expect(load).toHaveBeenCalledExactlyOnceWith('a=1', { secure });
  });

  test('is read from the request before the first await', () => {
    const { manager } = managerOf(undefined);
    const getHeader = vi.fn(() => '');
    void loadUws(manager, fakeResponse().response, { getHeader }, plain);
    expect(getHeader).toHaveBeenCalledExactlyOnceWith('cookie');
  });

  test('rejects when the store is away, and the response can still be sent', async () => {
    const away = storeAway('no answer');
    const manager = { load: () => Promise.reject(away) } as unknown as SessionManager;
    const { response, calls } = fakeResponse();
    await expect(loadUws(manager, response, requestWith(), plain)).rejects.toBe(away);
    response.end?.('error');
    expect(calls).toEqual([['end', 'error']]);
  });
});

describe('the cookie', () => {
  test.each(['write', 'end', 'tryEnd', 'endWithoutBody', 'beginWrite'])(
    'is set once, before %s sends the head',
    async (call) => {
      const { response, calls } = fakeResponse();
      await loadUws(managerOf('sid=a').manager, response, requestWith(), plain);
      expect(response[call]?.('body')).toBe(`result of ${call}`);
      response.end?.('more');
      expect(calls).toEqual([
        ['writeHeader', 'Set-Cookie', 'sid=a'],
        [call, 'body'],
        ['end', 'more'],
      ]);
    },
  );

  test('of an upgrade comes after its status', async () => {
    const { response, calls } = fakeResponse();
    await loadUws(managerOf('sid=a').manager, response, requestWith(), plain);
    response.upgrade?.('data');
    expect(calls).toEqual([
      ['writeStatus', '101 Switching Protocols'],
      ['writeHeader', 'Set-Cookie', 'sid=a'],
      ['upgrade', 'data'],
    ]);
  });

  test('is not set when none is due, and a later one is too late', async () => {
    const { response, calls } = fakeResponse();
    let cookie: string | undefined;
    const manager = { load: async () => ({ setCookie: () => cookie }) } as unknown as SessionManager;
    await loadUws(manager, response, requestWith(), plain);
    response.writeStatus?.('200 OK' as never);
    response.write?.('body');
    cookie = 'sid=late';
    response.end?.();
    expect(calls).toEqual([['writeStatus', '200 OK'], ['write', 'body'], ['end']]);
  });
});

describe('a client that has gone', () => {
  test('makes the calls of the response do nothing', async () => {
    const { response, calls, abort } = fakeResponse();
    await loadUws(managerOf('sid=a').manager, response, requestWith(), plain);
    expect(response.aborted).toBe(false);
    abort();
    expect(response.aborted).toBe(true);
    for (const call of ['write', 'end', 'writeStatus', 'writeHeader', 'cork', 'upgrade']) {
      expect(response[call]?.('value')).toBe(response);
    }
    expect(response.tryEnd?.('body', 4)).toEqual([true, true]);
    expect(calls).toEqual([]);
  });

  test('is reported to every handler of the application', async () => {
    const { response, abort } = fakeResponse();
    await loadUws(managerOf(undefined).manager, response, requestWith(), plain);
    const [one, two] = [vi.fn(), vi.fn()];
    expect(response.onAborted(one)).toBe(response);
    response.onAborted(two);
    abort();
    expect([one.mock.calls.length, two.mock.calls.length]).toEqual([1, 1]);
  });
});

test('a response without some of the calls is left without them', async () => {
  const { response } = fakeResponse();
  Object.assign(response, { beginWrite: undefined });
  await loadUws(managerOf(undefined).manager, response, requestWith(), plain);
  expect(response.beginWrite).toBeUndefined();
});
