import { afterEach, describe, expect, test, vi } from 'vitest';
import { json } from '../../../src/session/core/serializer.ts';

afterEach(() => vi.restoreAllMocks());

describe('the JSON serializer', () => {
  test('writes the JSON that connect-redis writes', () => {
    const session = { cookie: { expires: new Date(0), originalMaxAge: null }, n: 1 };
    expect(json.stringify(session)).toBe(
      '{"cookie":{"expires":"1970-01-01T00:00:00.000Z","originalMaxAge":null},"n":1}',
    );
  });

  test('reads what it has written', () => {
    const session = { cookie: { expires: null }, list: [1, { two: 'zwei' }], text: '\u{1F41A}' };
    expect(json.parse(json.stringify(session))).toEqual(session);
  });

  test.each([
    ['at the top', '{"__proto__":{"admin":true},"a":1}', { a: 1 }],
    ['inside an object', '{"a":{"__proto__":{"admin":true},"b":1}}', { a: { b: 1 } }],
    ['inside a list', '{"a":[{"__proto__":{"admin":true}}]}', { a: [{}] }],
    ['behind an escape', '{"\\u005f_proto__":{"admin":true},"a":1}', { a: 1 }],
  ])('drops the key __proto__ %s', (_place, raw, expected) => {
    const session = json.parse(raw);
    expect(session).toEqual(expected);
    expect(JSON.stringify(session)).not.toContain('admin');
    expect(Object.getPrototypeOf(session)).toBe(Object.prototype);
    expect(session.admin).toBeUndefined();
  });

  test('keeps a value that contains __proto__, and other keys of a suspect text', () => {
    const raw = '{"a":"__proto__","b":{"__proto":1,"proto__":2},"c":"\\u00e9"}';
    expect(json.parse(raw)).toEqual({ a: '__proto__', b: { __proto: 1, proto__: 2 }, c: 'é' });
  });

  test('uses a reviver only for a suspect text', () => {
    const parse = vi.spyOn(JSON, 'parse');
    json.parse('{"a":1}');
    expect(parse.mock.lastCall).toEqual(['{"a":1}']);
    json.parse('{"__proto__":1}');
    expect(parse.mock.lastCall).toEqual(['{"__proto__":1}', expect.any(Function)]);
    json.parse('{"a":"\\u0041"}');
    expect(parse.mock.lastCall).toEqual(['{"a":"\\u0041"}', expect.any(Function)]);
  });

  test.each(['[]', '[1]', 'null', '1', '"text"', 'true'])('refuses %s, which is not an object', (raw) => {
    expect(() => json.parse(raw)).toThrow(new SyntaxError('The row of a session must hold a JSON object'));
  });

  test.each(['', '{', 'not JSON'])('refuses %j, which is not JSON', (raw) => {
    expect(() => json.parse(raw)).toThrow(SyntaxError);
  });
});
