import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PrimaryMemoryBackend } from '../../../src/session/local/primary-memory-backend.ts';
import { settle, useFakeClock } from '../fake-clock.ts';

const cmd = 'NODE_LIMPET_SESSION';

interface CallMessage {
  cmd: string;
  number: number;
  call: string;
  values: unknown[];
}

/** The calls that reached the primary. All other messages of this process (vitest's own) pass. */
let calls: CallMessage[];
let backend: PrimaryMemoryBackend;
const { send, connected } = process;
beforeEach(() => {
  useFakeClock();
  calls = [];
  Object.defineProperty(process, 'connected', { value: true, configurable: true, writable: true });
  const capture = (message: CallMessage, ...values: unknown[]): boolean => {
    if (message?.cmd !== cmd) return send?.apply(process, [message, ...values] as never) ?? false;
    calls.push(message);
    return true;
  };
  Object.assign(process, { send: capture });
  backend = new PrimaryMemoryBackend(1000);
});
afterEach(async () => {
  await backend.close();
  Object.assign(process, { send, connected });
  vi.useRealTimers();
});

/** The primary sends a message. */
function receive(message: unknown): void {
  process.emit('internalMessage' as never, message as never);
}
/** The primary answers the latest call. */
function answer(value: unknown): void {
  receive({ cmd, number: calls.at(-1)?.number, value });
}

describe('a call', () => {
  test('is sent to the primary with its values, and resolves with the answer', async () => {
    const row = { raw: 'text', expiresAt: 5 };
    const read = backend.read('a');
    expect(calls).toEqual([{ cmd, number: expect.any(Number), call: 'read', values: ['a'] }]);
    answer(row);
    expect(await read).toBe(row);
  });

  test.each([
    ['create', () => backend.create('a', 'text', 5), ['a', 'text', 5]],
    ['replace', () => backend.replace('a', 'known', 'text', 5), ['a', 'known', 'text', 5]],
    ['replace', () => backend.replace('a', undefined, 'text', 5), ['a', null, 'text', 5]],
    ['touch', () => backend.touch('a', 5), ['a', 5]],
    ['remove', () => backend.remove('a'), ['a']],
  ])('%s has its values', async (call, run, values) => {
    const result = run();
    expect(calls.at(-1)).toMatchObject({ call, values });
    answer('result');
    expect(await result).toBe('result');
  });

  test('has a number of its own, and gets the answer with that number', async () => {
    const other = new PrimaryMemoryBackend(1000);
    const [one, two, three] = [backend.read('a'), backend.read('b'), other.read('c')];
    const numbers = calls.map(({ number }) => number);
    expect(new Set(numbers).size).toBe(3);
    receive({ cmd, number: numbers[2], value: 'third' });
    receive({ cmd, number: numbers[1], value: 'second' });
    receive({ cmd, number: numbers[0], value: 'first' });
    expect(await Promise.all([one, two, three])).toEqual(['first', 'second', 'third']);
    await other.close();
  });

  test('rejects with the error of the primary, with code and facts', async () => {
    const result = expect(backend.create('a', 'text', 5)).rejects.toMatchObject({
      name: 'LimpetError',
      code: 'ERR_LIMPET_STORE',
      message: 'full',
      facts: { bytesMax: 300 },
    });
    const error = { code: 'ERR_LIMPET_STORE', message: 'full', facts: { bytesMax: 300 } };
    receive({ cmd, number: calls[0]?.number, error });
    await result;
  });

  test('rejects when the primary does not answer in time, and ignores a late or a second answer', async () => {
    const result = expect(backend.read('a')).rejects.toMatchObject({
      code: 'ERR_LIMPET_STORE',
      message: expect.stringContaining('did not answer within 1000 ms'),
      facts: { away: true, timeoutMs: 1000 },
    });
    await vi.advanceTimersByTimeAsync(999);
    await vi.advanceTimersByTimeAsync(1);
    await result;
    answer('late');
    answer('again');
    await settle();
  });

  test('rejects at once when the IPC channel is closed', async () => {
    Object.assign(process, { connected: false });
    await expect(backend.read('a')).rejects.toMatchObject({
      code: 'ERR_LIMPET_STORE',
      message: expect.stringContaining('The primary, which keeps the sessions, is gone'),
      facts: { away: true },
    });
    expect(vi.getTimerCount()).toBe(0);
    Object.assign(process, { connected: true, send: undefined });
    await expect(backend.read('a')).rejects.toMatchObject({ facts: { away: true } });
  });
});

test('the list is one batch', async () => {
  const list = backend.list();
  const batch = list.next();
  expect(calls.at(-1)).toMatchObject({ call: 'sids', values: [] });
  answer(['a', 'b']);
  expect(await batch).toEqual({ done: false, value: ['a', 'b'] });
  expect(await list.next()).toEqual({ done: true, value: undefined });
});

test('follow and unfollow are sent, and their failure is ignored', async () => {
  backend.follow('a');
  backend.unfollow('a');
  expect(calls.map(({ call, values }) => [call, ...values])).toEqual([
    ['follow', 'a'],
    ['unfollow', 'a'],
  ]);
  await vi.advanceTimersByTimeAsync(1000);
});

describe('a message', () => {
  test('about a change goes to the listener', () => {
    const changed = vi.fn();
    receive({ cmd, changed: 'before there is a listener' });
    backend.listen({ changed, up: () => undefined, down: () => undefined, degraded: () => undefined });
    receive({ cmd, changed: 'a' });
    expect(changed).toHaveBeenCalledExactlyOnceWith('a');
  });

  test('that is not of the session memory is ignored', async () => {
    const read = backend.read('a');
    const { number } = calls[0] as CallMessage;
    receive({ cmd: 'NODE_OTHER', number, value: 'wrong' });
    receive({ cmd: 'NODE_OTHER', changed: 'a' });
    answer('right');
    expect(await read).toBe('right');
  });
});

test('the status is the one that the primary gave last', async () => {
  expect(backend.status()).toEqual({ kind: 'primary-memory', up: true });
  answer({ kind: 'memory', up: true, sessions: 3 });
  await settle();
  expect(backend.status()).toEqual({ kind: 'primary-memory', up: true, sessions: 3 });
  await vi.advanceTimersByTimeAsync(1000);
  expect(backend.status()).toEqual({ kind: 'primary-memory', up: false, sessions: 3 });
  answer({ kind: 'memory', up: true, sessions: 4 });
  await settle();
});

describe('close', () => {
  test('rejects the calls in flight and later ones, and listens to no more messages', async () => {
    const before = process.listenerCount('internalMessage' as never);
    const inFlight = expect(backend.read('a')).rejects.toMatchObject({ code: 'ERR_LIMPET_CLOSED' });
    await backend.close();
    await inFlight;
    await expect(backend.read('a')).rejects.toMatchObject({ code: 'ERR_LIMPET_CLOSED' });
    expect(process.listenerCount('internalMessage' as never)).toBe(before - 1);
    expect(vi.getTimerCount()).toBe(0);
    expect(calls).toHaveLength(1);
  });
});
