import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchExit } from '../../../../src/cluster/primary/pool/exit-reason.ts';
import { FakeChild, fakeWorker } from './fakes.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function watched(child = new FakeChild(100)) {
  const { worker } = fakeWorker(2, 5, child);
  const gone = vi.fn();
  const disconnected = vi.fn();
  watchExit(worker, { gone, disconnected });
  return { worker, child, gone, disconnected };
}

describe('the exit of a worker process', () => {
  it('is reported with the exit code', () => {
    const { child, gone } = watched();
    child.end(4);
    expect(gone).toHaveBeenCalledExactlyOnceWith({ reason: 'exited with code 4', cause: 'exit' });
  });

  it('is reported with the signal', () => {
    const { child, gone } = watched();
    child.end(null, 'SIGKILL');
    expect(gone).toHaveBeenCalledExactlyOnceWith({ reason: 'killed by SIGKILL', cause: 'signal' });
  });

  it('is reported with the reason for which the primary killed it', () => {
    const { worker, child, gone } = watched();
    worker.kill('not ready within 5 ms', 'not ready');
    worker.kill('a later reason');
    child.end(null, 'SIGKILL');
    expect(gone).toHaveBeenCalledExactlyOnceWith({ reason: 'not ready within 5 ms', cause: 'not ready' });
    expect(child.process.signals).toEqual(['SIGKILL', 'SIGKILL']);
  });

  it('is not reported before the last messages of the process were read', () => {
    const { child, gone } = watched();
    child.exit(0);
    expect(gone).not.toHaveBeenCalled();
    child.disconnect();
    expect(gone).toHaveBeenCalledOnce();
  });

  it('is reported if the channel closes before the process exits', () => {
    const { child, gone } = watched();
    child.disconnect();
    expect(gone).not.toHaveBeenCalled();
    child.exit(1);
    expect(gone).toHaveBeenCalledExactlyOnceWith({ reason: 'exited with code 1', cause: 'exit' });
  });
});

describe('a channel that closes', () => {
  it('is reported 100 ms later, because most processes exit then', () => {
    const { child, disconnected } = watched();
    child.disconnect();
    vi.advanceTimersByTime(99);
    expect(disconnected).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(disconnected).toHaveBeenCalledOnce();
  });

  it('is reported of a process that has ended, too', () => {
    const { child, gone, disconnected } = watched();
    child.end(0);
    vi.advanceTimersByTime(100);
    expect([gone.mock.calls.length, disconnected.mock.calls.length]).toEqual([1, 1]);
  });

  it('does not keep the primary alive', () => {
    vi.useRealTimers();
    const unref = vi.fn();
    const timer = vi.spyOn(globalThis, 'setTimeout').mockReturnValue({ unref } as never);
    watched().child.disconnect();
    timer.mockRestore();
    expect(unref).toHaveBeenCalledOnce();
  });
});

describe('an error event', () => {
  it('of a process without a pid means that it could not be forked', () => {
    const child = new FakeChild();
    Object.assign(child.process, { pid: undefined });
    const { gone } = watched(child);
    child.failToFork('spawn EAGAIN');
    expect(gone).toHaveBeenCalledExactlyOnceWith({
      reason: 'it could not be forked: spawn EAGAIN',
      cause: 'not forked',
    });
  });

  it('of a running process is published as a fault. The process is not gone', () => {
    const faults: unknown[] = [];
    const onFault = (fault: unknown) => faults.push(fault);
    subscribe('limpet:fault', onFault);
    const { child, gone } = watched();
    const error = new Error('write EPIPE');
    child.emit('error', error);
    unsubscribe('limpet:fault', onFault);
    expect(faults).toEqual([{ where: 'worker of slot 2', error }]);
    expect(gone).not.toHaveBeenCalled();
  });
});
