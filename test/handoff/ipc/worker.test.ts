import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import type { RawHandle } from '../../../src/connection.ts';
import type { HandoffMessage } from '../../../src/handoff/contract.ts';
import { IpcWorker } from '../../../src/handoff/ipc/worker.ts';

const clock = vi.hoisted(() => ({ now: 0 }));
vi.mock(import('../../../src/handoff/ipc/protocol.ts'), () => ({ sharedClockMs: () => clock.now }));

class FakeSink {
  onClosed: (() => void) | undefined;
  readonly taken: unknown[][] = [];
  takeHandle(...connection: unknown[]): void {
    this.taken.push(connection);
  }
  takeDescriptor(): void {}
}

let sent: HandoffMessage[];
let sink: FakeSink;
let closed: number[];
beforeEach(() => {
  vi.useFakeTimers();
  clock.now = 10_000;
  sent = [];
  sink = new FakeSink();
  closed = [];
});
afterEach(() => {
  vi.useRealTimers();
});

function startWorker(stallTimeoutMs: number, loadCounts = false): IpcWorker {
  return new IpcWorker(
    sink,
    (message) => {
      sent.push(message);
    },
    { stallTimeoutMs, loadCounts },
  );
}

const handleOf = (fd: number) => ({ fd, close: () => closed.push(fd) }) as unknown as RawHandle;

/** Lets time pass in which the process runs: its timers fire. */
function run(ms: number): void {
  for (let passed = 0; passed < ms; passed += 25) {
    clock.now += 25;
    vi.advanceTimersByTime(25);
  }
}

describe('a connection', () => {
  it('is taken while the process runs, and the primary hears so before the sink gets it', () => {
    const worker = startWorker(1000);
    run(2000);
    const order: string[] = [];
    sink.takeHandle = () => order.push(`sink after ${JSON.stringify(sent)}`);
    worker.received({ seq: 1, at: clock.now - 400 }, handleOf(1));
    expect(order).toEqual(['sink after [{"took":1}]']);
  });

  it('reaches the sink with its client and the bytes that the primary has read', () => {
    const worker = startWorker(1000);
    const client = { address: '203.0.113.7', family: 'IPv4', port: 80 } as const;
    const [first, second] = [handleOf(1), handleOf(2)];
    worker.received({ seq: 1, at: clock.now, client, read: 'R0VUIC8=' }, first);
    worker.received({ seq: 2, at: clock.now }, second);
    expect(sink.taken).toEqual([
      [first, client, Buffer.from('GET /')],
      [second, undefined, undefined],
    ]);
  });

  it('is ignored if its handle was lost', () => {
    startWorker(1000).received({ seq: 1, at: clock.now });
    expect([sent, sink.taken]).toEqual([[], []]);
  });
});

describe('a process that was halted', () => {
  it('asks before it takes an old connection, or one that came during the halt', () => {
    const worker = startWorker(1000);
    run(2000);
    // The halt was nearly as long as stallTimeoutMs: the primary may declare the worker stalled right now.
    clock.now += 900;
    worker.received({ seq: 1, at: clock.now - 100 }, handleOf(1));
    worker.received({ seq: 2, at: clock.now - 600 }, handleOf(2));
    expect([sent, sink.taken]).toEqual([[{ mayTake: 1 }, { mayTake: 2 }], []]);
    worker.received({ take: 1 });
    worker.received({ drop: 2 });
    expect([sink.taken.length, closed]).toEqual([1, [2]]);

    // The same holds if one of the worker's own timers has fired since.
    clock.now += 900;
    vi.advanceTimersByTime(200);
    worker.received({ seq: 3, at: clock.now - 100 }, handleOf(3));
    expect(sent.at(-1)).toEqual({ mayTake: 3 });

    run(100);
    worker.received({ seq: 4, at: clock.now }, handleOf(4));
    expect(sent.at(-1)).toEqual({ took: 4 });
  });

  it('takes connections without asking if the halt was no longer than half of stallTimeoutMs', () => {
    const worker = startWorker(1000);
    clock.now += 500;
    worker.received({ seq: 1, at: clock.now - 500 }, handleOf(1));
    expect(sent).toEqual([{ took: 1 }]);
    worker.received({ seq: 2, at: clock.now - 501 }, handleOf(2));
    expect(sent.at(-1)).toEqual({ mayTake: 2 });
  });

  it('takes a connection that was sent at the end of the halt or later', () => {
    const worker = startWorker(1000);
    clock.now += 501;
    worker.received({ seq: 1, at: clock.now - 1 }, handleOf(1));
    worker.received({ seq: 2, at: clock.now }, handleOf(2));
    expect(sent).toEqual([{ mayTake: 1 }, { took: 2 }]);
  });

  it('does not ask if stallTimeoutMs is 0, however long the halt', () => {
    const worker = startWorker(0);
    expect(vi.getTimerCount()).toBe(0);
    clock.now += 1_000_000;
    worker.received({ seq: 1, at: 10_000 }, handleOf(1));
    expect(sent).toEqual([{ took: 1 }]);
  });

  it('notices a halt only once it ended, with a timer that does not keep the process alive', () => {
    const timer = { unref: vi.fn() };
    const set = vi.spyOn(globalThis, 'setInterval').mockReturnValueOnce(timer as never);
    startWorker(1000);
    expect(set).toHaveBeenLastCalledWith(expect.any(Function), 125);
    expect(timer.unref).toHaveBeenCalledOnce();
  });
});

test('an answer that comes twice, or for an unknown connection, changes nothing', () => {
  const worker = startWorker(1000);
  clock.now += 900;
  worker.received({ seq: 1, at: clock.now - 900 }, handleOf(1));
  worker.received({ take: 1 });
  worker.received({ take: 1 });
  worker.received({ drop: 1 });
  worker.received({ take: 7 });
  worker.received({ drop: 7 });
  worker.received({});
  expect([sink.taken.length, closed, sent]).toEqual([1, [], [{ mayTake: 1 }]]);
});

test('a probe is answered', () => {
  startWorker(1000).received({ probe: 5 });
  expect(sent).toEqual([{ reached: 5 }]);
});

test('a stopped worker returns connections, until it resumes', () => {
  const worker = startWorker(1000);
  const done = vi.fn();
  worker.stop(done);
  expect(done).toHaveBeenCalledOnce();
  worker.received({ seq: 1, at: clock.now }, handleOf(1));
  expect([sent, closed, sink.taken]).toEqual([[{ returned: 1 }], [1], []]);
  worker.resume();
  worker.received({ seq: 2, at: clock.now }, handleOf(2));
  expect(sent.at(-1)).toEqual({ took: 2 });
});

describe('closed connections', () => {
  it('are reported together, 10 ms after the first', () => {
    startWorker(0, true);
    sink.onClosed?.();
    sink.onClosed?.();
    vi.advanceTimersByTime(9);
    sink.onClosed?.();
    expect(sent).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(sent).toEqual([{ closed: 3 }]);
    vi.advanceTimersByTime(100);
    expect(sent).toHaveLength(1);
    sink.onClosed?.();
    vi.advanceTimersByTime(10);
    expect(sent.at(-1)).toEqual({ closed: 1 });
  });

  it('are not reported if the primary does not count the load', () => {
    startWorker(0, false);
    expect(sink.onClosed).toBeUndefined();
  });

  it('do not keep the process alive', () => {
    startWorker(0, true);
    const timer = { unref: vi.fn() };
    vi.spyOn(globalThis, 'setTimeout').mockReturnValueOnce(timer as never);
    sink.onClosed?.();
    expect(timer.unref).toHaveBeenCalledOnce();
  });
});
