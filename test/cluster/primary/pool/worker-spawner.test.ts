import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it, vi } from 'vitest';
import type { forkWorker } from '../../../../src/cluster/primary/pool/fork.ts';
import { WorkerProcess } from '../../../../src/cluster/primary/pool/worker-process.ts';
import { WorkerSpawner } from '../../../../src/cluster/primary/pool/worker-spawner.ts';
import { checkRouterOptions } from '../../../../src/options.ts';
import { asWorker, FakeChild } from './fakes.ts';

const options = checkRouterOptions({ workers: 2 });

function spawner(indexes: number) {
  const fork = vi.fn<typeof forkWorker>(() => asWorker(new FakeChild()));
  const descriptors = vi.fn((slot: number) => [slot * 10, slot * 10 + 1]);
  return { fork, descriptors, spawner: new WorkerSpawner(options, indexes, descriptors, fork) };
}

describe('the worker spawner', () => {
  it('forks a process for the slot, with the first free worker index and the descriptors of the slot', () => {
    const { spawner: spawns, fork } = spawner(4);
    const worker = spawns.spawn(3) as WorkerProcess;
    expect(worker).toBeInstanceOf(WorkerProcess);
    expect([worker.slot, worker.index]).toEqual([3, 0]);
    expect(worker.child).toBe(fork.mock.results[0]?.value);
    expect(fork).toHaveBeenCalledExactlyOnceWith(options, 3, 0, [30, 31]);
  });

  it('gives each living process a worker index of its own', () => {
    const { spawner: spawns } = spawner(4);
    const workers = [0, 0, 1, 1].map((slot) => spawns.spawn(slot) as WorkerProcess);
    expect(workers.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  });

  it('forks nothing when all worker indexes are taken, and says why', () => {
    const { spawner: spawns, fork } = spawner(1);
    const worker = spawns.spawn(0) as WorkerProcess;
    expect(spawns.spawn(1)).toBe('too many processes are still draining');
    expect(fork).toHaveBeenCalledOnce();
    spawns.releaseIndex(worker);
    expect((spawns.spawn(1) as WorkerProcess).index).toBe(0);
  });

  it('says why a fork failed, publishes the fault and takes the worker index back', () => {
    const { spawner: spawns, fork } = spawner(1);
    const faults: unknown[] = [];
    const onFault = (fault: unknown) => faults.push(fault);
    const error = new Error('spawn ENOMEM');
    fork.mockImplementationOnce(() => {
      throw error;
    });
    subscribe('limpet:fault', onFault);
    expect(spawns.spawn(0)).toBe('it could not be forked: spawn ENOMEM');
    unsubscribe('limpet:fault', onFault);
    expect(faults).toEqual([{ where: 'fork', error }]);
    expect((spawns.spawn(0) as WorkerProcess).index).toBe(0);
  });

  it('takes the worker index back when the descriptors cannot be made', () => {
    const { spawner: spawns, descriptors, fork } = spawner(1);
    descriptors.mockImplementationOnce(() => {
      throw new Error('too many open files');
    });
    expect(spawns.spawn(0)).toBe('it could not be forked: too many open files');
    expect(fork).not.toHaveBeenCalled();
    expect((spawns.spawn(0) as WorkerProcess).index).toBe(0);
  });
});
