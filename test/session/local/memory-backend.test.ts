import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MemoryBackend } from '../../../src/session/local/memory-backend.ts';

const now = 1_000_000;
/** Bytes of a row: two for each character of sid and text, and 200. */
const sizeOf = (sid: string, raw: string): number => 2 * (sid.length + raw.length) + 200;

let memory: MemoryBackend;
beforeEach(() => {
  vi.useFakeTimers({ now });
  memory = new MemoryBackend(100_000);
});
afterEach(async () => {
  await memory.close();
  vi.useRealTimers();
});

async function sids(): Promise<string[]> {
  const all: string[] = [];
  for await (const batch of memory.list()) all.push(...batch);
  return all;
}

describe('a row', () => {
  test('is returned with the end of its life', async () => {
    await memory.create('a', 'text', 5000);
    expect(await memory.read('a')).toEqual({ raw: 'text', expiresAt: now + 5000 });
    expect(await memory.read('b')).toBeUndefined();
  });

  test('ends at the millisecond, and is removed by the read that finds it', async () => {
    await memory.create('a', 'text', 5000);
    vi.setSystemTime(now + 4999);
    expect(await memory.read('a')).toBeDefined();
    vi.setSystemTime(now + 5000);
    expect(await memory.read('a')).toBeUndefined();
    expect(memory.status()).toMatchObject({ sessions: 0, bytes: 0 });
  });

  test('is replaced by create, whatever is there', async () => {
    await memory.create('a', 'old', 5000);
    await memory.create('a', 'new', 9000);
    expect(await memory.read('a')).toEqual({ raw: 'new', expiresAt: now + 9000 });
  });

  test('is replaced if it is the known one, or if any is', async () => {
    await memory.create('a', 'one', 5000);
    expect(await memory.replace('a', 'one', 'two', 6000)).toBe('stored');
    expect(await memory.replace('a', undefined, 'three', 7000)).toBe('stored');
    expect(await memory.read('a')).toEqual({ raw: 'three', expiresAt: now + 7000 });
  });

  test('is not replaced if another one is there, which is returned', async () => {
    await memory.create('a', 'theirs', 5000);
    expect(await memory.replace('a', 'known', 'mine', 9000)).toEqual({
      raw: 'theirs',
      expiresAt: now + 5000,
    });
    expect((await memory.read('a'))?.raw).toBe('theirs');
  });

  test('that is missing or has expired is not brought back', async () => {
    expect(await memory.replace('a', undefined, 'text', 5000)).toBe('gone');
    await memory.create('a', 'text', 5000);
    vi.setSystemTime(now + 5000);
    expect(await memory.replace('a', 'text', 'new', 5000)).toBe('gone');
    expect(await memory.touch('a', 5000)).toBe(false);
    expect(await memory.read('a')).toBeUndefined();
  });

  test('gets another life by a touch, and keeps its text', async () => {
    await memory.create('a', 'text', 5000);
    expect(await memory.touch('a', 9000)).toBe(true);
    expect(await memory.read('a')).toEqual({ raw: 'text', expiresAt: now + 9000 });
    expect(await memory.touch('b', 9000)).toBe(false);
    expect(await memory.read('b')).toBeUndefined();
  });

  test('is removed, also twice', async () => {
    await memory.create('a', 'text', 5000);
    await memory.remove('a');
    await memory.remove('a');
    expect(await memory.read('a')).toBeUndefined();
    expect(memory.status()).toMatchObject({ sessions: 0, bytes: 0 });
  });

  test('is listed while it lives', async () => {
    await memory.create('a', 'text', 5000);
    await memory.create('b', 'text', 9000);
    expect(await sids()).toEqual(['a', 'b']);
    vi.setSystemTime(now + 5000);
    expect(await sids()).toEqual(['b']);
  });
});

describe('the bound of bytes', () => {
  test('counts each row once, at its present size', async () => {
    await memory.create('sid', 'x'.repeat(100), 5000);
    await memory.create('sid', 'x'.repeat(50), 5000);
    await memory.replace('sid', undefined, 'x'.repeat(70), 5000);
    await memory.touch('sid', 9000);
    expect(memory.status()).toEqual({
      kind: 'memory',
      up: true,
      sessions: 1,
      bytes: sizeOf('sid', 'x'.repeat(70)),
      bytesMax: 100_000,
    });
  });

  test('allows exactly bytesMax, and refuses one row more', async () => {
    memory = new MemoryBackend(2 * sizeOf('a', 'text'));
    await memory.create('a', 'text', 5000);
    await memory.create('b', 'text', 5000);
    await expect(memory.create('c', '', 5000)).rejects.toMatchObject({
      code: 'ERR_LIMPET_STORE',
      facts: { bytesMax: 2 * sizeOf('a', 'text') },
    });
    expect(await sids()).toEqual(['a', 'b']);
  });

  test('refuses a longer row, keeps the stored one, and allows one of the same size or shorter', async () => {
    memory = new MemoryBackend(sizeOf('a', 'text'));
    await memory.create('a', 'text', 5000);
    await expect(memory.replace('a', 'text', 'texts', 5000)).rejects.toMatchObject({
      code: 'ERR_LIMPET_STORE',
    });
    expect((await memory.read('a'))?.raw).toBe('text');
    expect(await memory.replace('a', 'text', 'TEXT', 5000)).toBe('stored');
    expect(await memory.replace('a', 'TEXT', 'T', 5000)).toBe('stored');
  });

  test('makes room with expired rows only', async () => {
    memory = new MemoryBackend(2 * sizeOf('a', 'text'));
    await memory.create('a', 'text', 5000);
    await memory.create('b', 'text', 9000);
    vi.setSystemTime(now + 5000);
    await memory.create('c', 'text', 5000);
    expect(await sids()).toEqual(['b', 'c']);
  });

  test('has room again after a removal', async () => {
    memory = new MemoryBackend(sizeOf('a', 'text'));
    await memory.create('a', 'text', 5000);
    await memory.remove('a');
    await memory.create('b', 'text', 5000);
    expect(await sids()).toEqual(['b']);
  });
});

describe('the sweep', () => {
  test('removes expired rows every 30 s', async () => {
    await memory.create('a', 'text', 1000);
    await memory.create('b', 'text', 60_000);
    vi.advanceTimersByTime(29_999);
    expect(memory.status()).toMatchObject({ sessions: 2 });
    vi.advanceTimersByTime(1);
    expect(memory.status()).toMatchObject({ sessions: 1, bytes: sizeOf('b', 'text') });
  });

  test('does not keep the process alive, and ends with close', async () => {
    const setInterval = vi.spyOn(globalThis, 'setInterval');
    const other = new MemoryBackend(100_000);
    const timer = setInterval.mock.results[0]?.value as NodeJS.Timeout;
    expect(timer.hasRef()).toBe(false);
    const before = vi.getTimerCount();
    await other.close();
    expect(vi.getTimerCount()).toBe(before - 1);
  });
});

describe('the listener', () => {
  const changed = vi.fn();
  beforeEach(() => {
    changed.mockClear();
    memory.listen({ changed, up: () => undefined, down: () => undefined, degraded: () => undefined });
  });

  test('gets changed() for each change of the text of a row that is followed', async () => {
    memory.follow('a');
    await memory.create('a', 'one', 5000);
    await memory.create('b', 'one', 5000);
    await memory.replace('a', 'one', 'two', 5000);
    await memory.replace('a', 'one', 'lost race', 5000);
    await memory.touch('a', 6000);
    expect(changed.mock.calls).toEqual([['a'], ['a']]);
    await memory.remove('a');
    await memory.remove('a');
    expect(changed.mock.calls).toHaveLength(3);
  });

  test('gets changed() when a row that is followed is found to have expired', async () => {
    memory.follow('a');
    await memory.create('a', 'text', 5000);
    changed.mockClear();
    vi.advanceTimersByTime(30_000);
    expect(changed.mock.calls).toEqual([['a']]);
  });

  test('gets no call after unfollow', async () => {
    memory.follow('a');
    memory.unfollow('a');
    await memory.create('a', 'text', 5000);
    expect(changed).not.toHaveBeenCalled();
  });
});

test('after close every call rejects, and close again does not', async () => {
  await memory.create('a', 'text', 5000);
  await memory.close();
  await memory.close();
  const code = 'ERR_LIMPET_CLOSED';
  await expect(memory.read('a')).rejects.toMatchObject({ code });
  await expect(memory.create('a', 'text', 1)).rejects.toMatchObject({ code });
  await expect(memory.replace('a', undefined, 'text', 1)).rejects.toMatchObject({ code });
  await expect(memory.touch('a', 1)).rejects.toMatchObject({ code });
  await expect(memory.remove('a')).rejects.toMatchObject({ code });
  await expect(memory.list().next()).rejects.toMatchObject({ code });
  expect(memory.status()).toMatchObject({ up: false, sessions: 0 });
});
