import type { IncomingMessage, ServerResponse } from 'node:http';
import expressSession from 'express-session';
import { describe, expect, test, vi } from 'vitest';
import {
  BaseStore,
  expressMiddleware,
  isOpen,
  markOpen,
  SessionCookie,
} from '../../../src/session/core/express-session.ts';

const requestAnd = (end: (...values: unknown[]) => unknown) =>
  [{}, { end }] as unknown as [IncomingMessage, ServerResponse];

describe('an open request', () => {
  test('is open from markOpen() until the response ends', () => {
    const end = vi.fn(() => 'ended');
    const [request, response] = requestAnd(end);
    const session = { req: request };
    expect(isOpen(session)).toBe(false);
    markOpen(request, response);
    expect(isOpen(session)).toBe(true);
    expect(response.end('body', 'utf8')).toBe('ended');
    expect(isOpen(session)).toBe(false);
    expect(end).toHaveBeenCalledExactlyOnceWith('body', 'utf8');
    expect(end.mock.contexts[0]).toBe(response);
  });

  test('is no longer open when the replaced end() runs, because express-session saves in it', () => {
    const session: { req?: object } = {};
    const openInEnd = vi.fn(() => isOpen(session));
    const [request, response] = requestAnd(openInEnd);
    session.req = request;
    markOpen(request, response);
    response.end();
    expect(openInEnd).toHaveReturnedWith(false);
  });

  test('leaves other requests and sessions without a request alone', () => {
    markOpen(...requestAnd(() => undefined));
    expect(isOpen({ req: {} })).toBe(false);
    expect(isOpen({})).toBe(false);
  });
});

test('stores and cookies are those of express-session', () => {
  expect(BaseStore).toBe(expressSession.Store);
  expect(SessionCookie).toBe(expressSession.Cookie);
  const cookie = new SessionCookie({ maxAge: 1000, sameSite: 'lax' });
  expect(cookie.originalMaxAge).toBe(1000);
  expect(cookie.serialize('sid', 'value')).toMatch(
    /^sid=value; Path=\/; Expires=.*; HttpOnly; SameSite=Lax$/,
  );
});

test('the middleware is that of express-session, with these options', () => {
  expect(expressMiddleware({ secret: 's', resave: false, saveUninitialized: false })).toHaveLength(3);
  expect(() => expressMiddleware({ secret: [], resave: false, saveUninitialized: false })).toThrow(
    'secret option array must contain one or more strings',
  );
});
