import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { awaitUntil, Late } from '../../../src/session/core/deadline.ts';
import { settle, useFakeClock } from '../fake-clock.ts';

beforeEach(() => useFakeClock());
afterEach(() => vi.useRealTimers());

const never = new Promise<never>(() => undefined);

describe('awaitUntil()', () => {
  test('resolves with the answer, and leaves no timer', async () => {
    await expect(awaitUntil(performance.now() + 50, Promise.resolve('answer'))).resolves.toBe('answer');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('rejects with the error of the answer, and leaves no timer', async () => {
    const error = new Error('refused');
    await expect(awaitUntil(performance.now() + 50, Promise.reject(error))).rejects.toBe(error);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('rejects with Late at the deadline, and not a millisecond earlier', async () => {
    vi.advanceTimersByTime(1000);
    const late = vi.fn();
    awaitUntil(performance.now() + 50, never).catch(late);
    vi.advanceTimersByTime(49);
    await settle();
    expect(late).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    await settle();
    expect(late).toHaveBeenCalledExactlyOnceWith(expect.any(Late));
  });

  test('rejects at once when the deadline has passed', async () => {
    const late = vi.fn();
    const setTimeout = vi.spyOn(globalThis, 'setTimeout');
    awaitUntil(performance.now() - 5000, never).catch(late);
    expect(setTimeout.mock.lastCall?.[1]).toBe(0);
    vi.advanceTimersByTime(0);
    await settle();
    expect(late).toHaveBeenCalledOnce();
  });

  test('an answer that arrived during a pause of the process counts, although its deadline has passed', async () => {
    let arrive = (_answer: string): void => undefined;
    const answer = new Promise<string>((resolve) => {
      arrive = resolve;
    });
    const result = awaitUntil(performance.now() + 50, answer);
    vi.advanceTimersByTime(5000);
    arrive('in time');
    await expect(result).resolves.toBe('in time');
    await settle();
  });

  test('an answer that comes after the rejection changes nothing', async () => {
    let arrive = (): void => undefined;
    const answer = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const result = awaitUntil(performance.now() + 50, answer);
    const settled = expect(result).rejects.toBeInstanceOf(Late);
    vi.advanceTimersByTime(50);
    await settle();
    arrive();
    await settled;
  });
});
