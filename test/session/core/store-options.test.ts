import { describe, expect, test } from 'vitest';
import { check } from '../../../src/checks.ts';
import { json } from '../../../src/session/core/serializer.ts';
import { storeRules } from '../../../src/session/core/store-options.ts';

const checked = (options: Record<string, unknown>): Record<string, unknown> =>
  check(options, storeRules, 'store option');

describe('the options of a store', () => {
  test('have defaults', () => {
    expect(checked({})).toEqual({
      ttl: 86_400,
      touchAfterMs: 'auto',
      onConflict: 'merge',
      sessionBytesMax: 1_048_576,
      serializer: json,
    });
  });

  test.each([
    ['ttl', [0.001, 1, 1e10, () => 5]],
    ['touchAfterMs', [0, 0.5, 60_000, Number.POSITIVE_INFINITY]],
    ['onConflict', ['merge', 'last-write', 'error']],
    ['sessionBytesMax', [1024, 536_870_912]],
    ['serializer', [{ stringify: () => '', parse: () => ({}) }]],
  ])('accept each value in the range of %s', (name, values) => {
    for (const value of values) expect(checked({ [name]: value })[name]).toBe(value);
  });

  test.each([
    [
      'ttl',
      'a number of seconds above 0 and at most 1e10, or a function that returns one',
      [0, -1, 1e10 + 1, Number.NaN, Number.POSITIVE_INFINITY, '5', null],
    ],
    [
      'touchAfterMs',
      'a number of milliseconds, 0 or above, or Infinity',
      [-1, Number.NaN, 'auto', '5', null],
    ],
    ['onConflict', 'one of "merge", "last-write", "error"', ['first-write', '', null]],
    ['sessionBytesMax', 'a whole number from 1024 to 536870912 (bytes)', [1023, 536_870_913, 2000.5, '2000']],
    [
      'serializer',
      'an object with the functions stringify and parse',
      [null, {}, 1, { stringify: String }, { parse: Object }, { stringify: String, parse: 1 }],
    ],
  ])('refuse each value outside the range of %s', (name, expected, values) => {
    for (const value of values) {
      expect(() => checked({ [name]: value }), String(value)).toThrow(
        expect.objectContaining({
          code: 'ERR_LIMPET_OPTION',
          facts: expect.objectContaining({ option: name, expected }),
        }),
      );
    }
  });
});
