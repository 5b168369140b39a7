import { expect, test, vi } from 'vitest';
import { HourlyCache } from '../../src/affinity/hourly-cache.ts';

test('a text is looked up once in its hour', () => {
  const cache = new HourlyCache<object>();
  const [result, find] = [{}, vi.fn(() => result)];
  expect(cache.of('text', 7, find)).toBe(result);
  expect(cache.of('text', 7, find)).toBe(result);
  expect(find).toHaveBeenCalledOnce();
  expect(cache.of('other', 7, () => ({ other: true }))).toEqual({ other: true });
});

test('in another hour, later or earlier, every text is looked up again', () => {
  const cache = new HourlyCache<object>();
  const find = vi.fn(() => ({}));
  for (const hour of [7, 8, 8, 7]) {
    cache.of('one', hour, find);
    cache.of('two', hour, find);
  }
  expect(find).toHaveBeenCalledTimes(6);
});

test('a text of 512 characters is remembered, a longer one is not', () => {
  const cache = new HourlyCache<object>();
  const find = vi.fn(() => ({}));
  for (let i = 0; i < 2; i++) cache.of('x'.repeat(512), 7, find);
  expect(find).toHaveBeenCalledTimes(1);
  for (let i = 0; i < 2; i++) cache.of('x'.repeat(513), 7, find);
  expect(find).toHaveBeenCalledTimes(3);
});

test('4,096 texts are remembered, and the one that was used longest ago is forgotten first', () => {
  const cache = new HourlyCache<object>();
  const find = vi.fn(() => ({}));
  for (let i = 0; i < 4096; i++) cache.of(`text ${i}`, 7, find);
  cache.of('text 0', 7, find);
  expect(find).toHaveBeenCalledTimes(4096);
  cache.of('one more', 7, find);
  cache.of('text 0', 7, find);
  expect(find).toHaveBeenCalledTimes(4097);
  cache.of('text 1', 7, find);
  expect(find).toHaveBeenCalledTimes(4098);
});
