import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  anonymousSnapshot,
  markStored,
  newSnapshot,
  snapshotOf,
} from '../../../src/session/core/snapshot.ts';

beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => vi.useRealTimers());

test('the snapshot of a new session knows no row', () => {
  expect(newSnapshot()).toStrictEqual({
    base: '',
    known: undefined,
    expiresAt: Number.NEGATIVE_INFINITY,
  });
});

test('the snapshot of a stand-in is anonymous, and knows no row', () => {
  expect(anonymousSnapshot()).toStrictEqual({ ...newSnapshot(), anonymous: true });
});

test('the snapshot of a row has its text as base and as known', () => {
  expect(snapshotOf({ raw: 'text', expiresAt: 7 })).toStrictEqual({
    base: 'text',
    known: 'text',
    expiresAt: 7,
  });
});

test('each session has its own snapshot', () => {
  expect(newSnapshot()).not.toBe(newSnapshot());
});

test('a save moves base, known and the end of the life', () => {
  const snapshot = snapshotOf({ raw: 'old', expiresAt: 7 });
  expect(markStored(snapshot, 'ours', 'merged', 5000)).toBe('stored');
  expect(snapshot).toStrictEqual({ base: 'ours', known: 'merged', expiresAt: 1_005_000 });
});
