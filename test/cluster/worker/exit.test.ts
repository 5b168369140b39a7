import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Adapter } from '../../../src/adapter/contract.ts';
import { drainAndExit } from '../../../src/cluster/worker/exit.ts';
import { FakeAdapter, FakeHttpAdapter } from './fake-adapter.ts';

const lingerMs = 200;
const timeoutMs = 1000;
let exits: unknown[];
let release: () => void;
let released: Promise<void>;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate'] });
  exits = [];
  vi.spyOn(process, 'exit').mockImplementation((code) => {
    exits.push(code);
    return undefined as never;
  });
  released = new Promise((resolve) => {
    release = resolve;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function exitWith(...adapters: Adapter[]): void {
  drainAndExit(adapters, released, lingerMs, timeoutMs);
}

/** Reports that the adapter has drained. */
function drained(adapter: FakeAdapter): void {
  const [done] = adapter.argumentsOf('drain') as [() => void];
  done();
}

function peerSocketClosed(adapter: FakeAdapter): void {
  const [done] = adapter.argumentsOf('closePeerSocket') as [() => void];
  done();
}

const names = (adapter: FakeAdapter) => adapter.calls.map(([name]) => name);

it('all adapters begin to drain at once, with the release and the linger time', () => {
  const adapters = [new FakeAdapter(), new FakeAdapter()];
  exitWith(...adapters);
  for (const adapter of adapters) {
    expect(adapter.argumentsOf('drain')).toEqual([expect.any(Function), released, lingerMs]);
  }
});

it('the process exits with code 0 when everything has drained, and cancels the deadline', async () => {
  const adapter = new FakeAdapter();
  exitWith(adapter);
  release();
  drained(adapter);
  await vi.advanceTimersByTimeAsync(0);
  expect(exits).toEqual([0]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(exits).toEqual([0]);
  expect(names(adapter)).toEqual(['drain']);
});

it('the process does not exit before setImmediate(), so that listeners of the last close run', async () => {
  const adapter = new FakeAdapter();
  exitWith(adapter);
  release();
  drained(adapter);
  for (let i = 0; i < 20; i++) await null;
  expect(exits).toEqual([]);
  await vi.advanceTimersByTimeAsync(0);
  expect(exits).toEqual([0]);
});

it('a process without adapters exits when it is released', async () => {
  exitWith();
  await vi.advanceTimersByTimeAsync(timeoutMs);
  expect(exits).toEqual([]);
  release();
  await vi.advanceTimersByTimeAsync(0);
  expect(exits).toEqual([0]);
});

it('peer sockets stay open until all adapters have drained and the process is released', async () => {
  const [first, second] = [new FakeHttpAdapter(), new FakeHttpAdapter()];
  exitWith(first, second);
  drained(first);
  await vi.advanceTimersByTimeAsync(0);
  release();
  await vi.advanceTimersByTimeAsync(0);
  expect(names(first)).toEqual(['drain']);
  drained(second);
  await vi.advanceTimersByTimeAsync(0);
  expect([names(first), names(second)]).toEqual([
    ['drain', 'closePeerSocket'],
    ['drain', 'closePeerSocket'],
  ]);
  peerSocketClosed(first);
  await vi.advanceTimersByTimeAsync(0);
  expect(exits).toEqual([]);
  peerSocketClosed(second);
  await vi.advanceTimersByTimeAsync(0);
  expect(exits).toEqual([0]);
});

it('a late release delays the exit, and the peer sockets with it', async () => {
  const adapter = new FakeHttpAdapter();
  exitWith(adapter);
  drained(adapter);
  await vi.advanceTimersByTimeAsync(lingerMs + timeoutMs - 1);
  expect(names(adapter)).toEqual(['drain']);
  release();
  await vi.advanceTimersByTimeAsync(0);
  peerSocketClosed(adapter);
  await vi.advanceTimersByTimeAsync(0);
  expect(exits).toEqual([0]);
});

it('at the deadline everything is closed, and the process exits 50 ms later', async () => {
  const adapters = [new FakeAdapter(), new FakeHttpAdapter()];
  exitWith(...adapters);
  await vi.advanceTimersByTimeAsync(lingerMs + timeoutMs - 1);
  expect(adapters.map(names)).toEqual([['drain'], ['drain']]);
  await vi.advanceTimersByTimeAsync(1);
  expect(adapters.map(names)).toEqual([
    ['drain', 'closeAll'],
    ['drain', 'closeAll'],
  ]);
  await vi.advanceTimersByTimeAsync(49);
  expect(exits).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(exits).toEqual([0]);
});

it('an adapter that reports twice does not stand for two', async () => {
  const [first, second] = [new FakeAdapter(), new FakeAdapter()];
  exitWith(first, second);
  release();
  drained(first);
  drained(first);
  await vi.advanceTimersByTimeAsync(0);
  expect(exits).toEqual([]);
  drained(second);
  await vi.advanceTimersByTimeAsync(0);
  expect(exits).toEqual([0]);
});
