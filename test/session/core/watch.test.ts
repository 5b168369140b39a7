import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type SessionWatch, Watchers } from '../../../src/session/core/watch.ts';
import { FakeBackend, gate } from './fake-backend.ts';

let backend: FakeBackend;
let watchers: Watchers;
beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  backend = new FakeBackend();
  watchers = new Watchers(backend);
});
afterEach(() => {
  watchers.close();
  vi.useRealTimers();
});

/** Runs what promises have queued; no timer fires. */
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);
const readsOf = (sid: string): number => backend.calls.filter(([, of]) => of === sid).length;

function eventsOf(watch: SessionWatch): string[] {
  const events: string[] = [];
  watch.on('changed', () => events.push('changed'));
  watch.on('destroyed', () => events.push('destroyed'));
  return events;
}

describe('a watch', () => {
  test('has the sid of its session', () => {
    expect(watchers.watch('a').sid).toBe('a');
  });

  test('emits nothing while its row stays the same', async () => {
    backend.put('a', { n: 1 });
    const events = eventsOf(watchers.watch('a'));
    await vi.advanceTimersByTimeAsync(5000);
    watchers.look('a');
    watchers.look(undefined);
    await settle();
    expect(events).toEqual([]);
  });

  test('emits changed when other data are stored, once for each change', async () => {
    backend.put('a', { n: 1 });
    const events = eventsOf(watchers.watch('a'));
    await settle();
    backend.put('a', { n: 2 });
    watchers.look('a');
    watchers.look('a');
    await settle();
    expect(events).toEqual(['changed']);
    backend.put('a', { n: 3 });
    watchers.look('a');
    await settle();
    expect(events).toEqual(['changed', 'changed']);
  });

  test('emits nothing when only the life of the row changes', async () => {
    backend.put('a', { n: 1 });
    const events = eventsOf(watchers.watch('a'));
    await settle();
    backend.put('a', { n: 1 }, Date.now() + 999_999);
    watchers.look('a');
    await settle();
    expect(events).toEqual([]);
  });

  test('emits destroyed once, when it has closed', async () => {
    backend.put('a', { n: 1 });
    const watch = watchers.watch('a');
    const events = eventsOf(watch);
    const sizeAtEvent = vi.fn(() => watchers.size);
    watch.on('destroyed', sizeAtEvent);
    await settle();
    backend.rows.delete('a');
    watchers.look('a');
    watchers.look('a');
    await settle();
    watchers.gone('a');
    expect(events).toEqual(['destroyed']);
    expect(sizeAtEvent).toHaveReturnedWith(0);
  });

  test('emits destroyed at once for a session that is not stored', async () => {
    const events = eventsOf(watchers.watch('a'));
    await settle();
    expect(events).toEqual(['destroyed']);
  });

  test('emits destroyed without a read when the row is known to be gone', () => {
    backend.put('a', {});
    const events = [eventsOf(watchers.watch('a')), eventsOf(watchers.watch('a'))];
    watchers.gone('a');
    watchers.gone('a');
    watchers.gone('b');
    expect(events).toEqual([['destroyed'], ['destroyed']]);
    expect(readsOf('a')).toBe(2);
  });

  test('emits nothing after close', async () => {
    backend.put('a', { n: 1 });
    const watch = watchers.watch('a');
    const events = eventsOf(watch);
    await settle();
    watch.close();
    watch.close();
    backend.put('a', { n: 2 });
    watchers.look('a');
    watchers.gone('a');
    await settle();
    expect(events).toEqual([]);
  });

  test('that closes in its own listener does not disturb the other watches', async () => {
    backend.put('a', { n: 1 });
    const [first, second] = [watchers.watch('a'), watchers.watch('a')];
    const events = eventsOf(second);
    first.on('changed', () => first.close());
    await settle();
    backend.put('a', { n: 2 });
    watchers.look('a');
    await settle();
    expect(events).toEqual(['changed']);
    expect(watchers.size).toBe(1);
  });

  test('ignores an answer that comes after it has closed', async () => {
    backend.put('a', { n: 1 });
    const { passed, open } = gate();
    backend.before = () => passed;
    const watch = watchers.watch('a');
    const events = eventsOf(watch);
    watch.close();
    backend.rows.delete('a');
    open();
    await settle();
    expect(events).toEqual([]);
  });

  test('does not compare with an answer to an earlier watch that came too late', async () => {
    backend.put('a', { n: 1 });
    const { passed, open } = gate();
    backend.before = () => passed;
    watchers.watch('a').close();
    open();
    await settle();
    backend.put('a', { n: 2 });
    const events = eventsOf(watchers.watch('a'));
    await settle();
    expect(events).toEqual([]);
  });
});

describe('the watches of a store', () => {
  test('follow a session once, until its last watch closes', () => {
    backend.put('a', {});
    const [one, two] = [watchers.watch('a'), watchers.watch('a')];
    expect(backend.followed).toEqual(['a']);
    expect(watchers.size).toBe(1);
    one.close();
    one.close();
    expect(backend.unfollowed).toEqual([]);
    two.close();
    expect(backend.unfollowed).toEqual(['a']);
    expect(watchers.size).toBe(0);
  });

  test('read only the rows that are watched', async () => {
    backend.put('a', {});
    watchers.watch('a');
    await settle();
    watchers.look('b');
    await settle();
    expect(readsOf('b')).toBe(0);
    watchers.look('a');
    await settle();
    expect(readsOf('a')).toBe(2);
  });

  test('read every watched row when any row may have changed', async () => {
    for (const sid of ['a', 'b']) backend.put(sid, { n: 1 });
    const events = [eventsOf(watchers.watch('a')), eventsOf(watchers.watch('b'))];
    await settle();
    for (const sid of ['a', 'b']) backend.put(sid, { n: 2 });
    watchers.look(undefined);
    await settle();
    expect(events).toEqual([['changed'], ['changed']]);
  });

  test('read every watched row a second after the last round, also without a message', async () => {
    backend.put('a', { n: 1 });
    const events = eventsOf(watchers.watch('a'));
    await settle();
    backend.put('a', { n: 2 });
    await vi.advanceTimersByTimeAsync(999);
    expect(events).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(events).toEqual(['changed']);
    backend.rows.delete('a');
    await vi.advanceTimersByTimeAsync(999);
    expect(events).toEqual(['changed']);
    await vi.advanceTimersByTimeAsync(1);
    expect(events).toEqual(['changed', 'destroyed']);
  });

  test('have one timer for all sessions, and none when nothing is watched', async () => {
    for (const sid of ['a', 'b']) backend.put(sid, {});
    const watches = [watchers.watch('a'), watchers.watch('b')];
    await settle();
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(vi.getTimerCount()).toBe(1);
    watches[0]?.close();
    expect(vi.getTimerCount()).toBe(1);
    watches[1]?.close();
    expect(vi.getTimerCount()).toBe(0);
    backend.put('c', {});
    watchers.watch('c');
    expect(vi.getTimerCount()).toBe(1);
  });

  test('have no timer after a round in which the last session ended', async () => {
    backend.put('a', {});
    watchers.watch('a');
    await settle();
    backend.rows.delete('a');
    await vi.advanceTimersByTimeAsync(1000);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('do not keep the process alive', () => {
    backend.put('a', {});
    const unref = vi.spyOn(globalThis, 'setTimeout');
    watchers.watch('a');
    const timer = unref.mock.results[0]?.value as NodeJS.Timeout;
    expect(timer.hasRef()).toBe(false);
  });

  test('run one round at a time, and one more for the requests that came meanwhile', async () => {
    for (const sid of ['a', 'b']) backend.put(sid, {});
    watchers.watch('a');
    watchers.watch('b');
    await settle();
    const { passed, open } = gate();
    backend.calls.length = 0;
    backend.before = () => passed;
    for (let n = 0; n < 5; n++) watchers.look(undefined);
    await settle();
    expect(backend.calls).toEqual([['read', 'a']]);
    open();
    await settle();
    expect(backend.calls.map(([, sid]) => sid)).toEqual(['a', 'b', 'a', 'b']);
    expect(vi.getTimerCount()).toBe(1);
  });

  test('survive a store that does not answer, and read again in the next round', async () => {
    backend.put('a', { n: 1 });
    const events = eventsOf(watchers.watch('a'));
    await settle();
    backend.before = () => {
      throw new Error('away');
    };
    backend.put('a', { n: 2 });
    watchers.look('a');
    await vi.advanceTimersByTimeAsync(1000);
    expect(events).toEqual([]);
    backend.before = () => undefined;
    await vi.advanceTimersByTimeAsync(1000);
    expect(events).toEqual(['changed']);
  });

  test('compare with the row of the new watch after all earlier ones have closed', async () => {
    backend.put('a', { n: 1 });
    const first = watchers.watch('a');
    await settle();
    first.close();
    backend.put('a', { n: 2 });
    const events = eventsOf(watchers.watch('a'));
    await settle();
    expect(events).toEqual([]);
  });

  test('close all together, and emit nothing', async () => {
    for (const sid of ['a', 'b']) backend.put(sid, {});
    const events = [eventsOf(watchers.watch('a')), eventsOf(watchers.watch('b'))];
    watchers.close();
    backend.rows.clear();
    await vi.advanceTimersByTimeAsync(3000);
    expect(events).toEqual([[], []]);
    expect(backend.unfollowed).toEqual(['a', 'b']);
    expect(vi.getTimerCount()).toBe(0);
  });
});
