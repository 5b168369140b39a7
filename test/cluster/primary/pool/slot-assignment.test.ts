import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Listener } from '../../../../src/cluster/primary/listeners/listener.ts';
import { SlotAssignment } from '../../../../src/cluster/primary/pool/slot-assignment.ts';
import type { WorkerProcess } from '../../../../src/cluster/primary/pool/worker-process.ts';
import { SlotRing } from '../../../../src/ring/slot-ring.ts';
import { FakeChild, fakeWorker, settle } from './fakes.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/**
 * An assignment of `slots` slots with two listeners: 0 was declared by the primary, 1 was asked for by the app under the key `own`.
 * `log` has everything that the assignment did, in order.
 */
function assignmentOf(slots: number, options = { respawnGraceMs: 3000, noticeMs: 0 }) {
  const log: string[] = [];
  const workers: WorkerProcess[] = [];
  const ring = new SlotRing({ slots, key: Buffer.from('limpets!') });
  const down = () => Array.from({ length: ring.size }, (_, slot) => slot).filter((slot) => ring.isDown(slot));
  const name = ({ index }: { index: number }) => `worker ${index}`;
  const listeners = [
    { id: 0, key: 'declared', declared: true },
    { id: 1, key: 'own', declared: false },
  ].map((listener) => ({
    ...listener,
    attach: (worker: WorkerProcess) => log.push(`attach ${name(worker)} to ${listener.id}`),
    reattach: (worker: WorkerProcess) => log.push(`reattach ${name(worker)} to ${listener.id}`),
    detach: (worker: WorkerProcess, gone: boolean) =>
      log.push(`detach ${name(worker)} from ${listener.id}${gone ? ', gone' : ''}`),
    handoff: {
      updateRing: (updated: SlotRing) => {
        expect(updated).toBe(ring);
        log.push(`ring of listener ${listener.id}: ${ring.size} slots, down: ${down()}`);
      },
    },
  }));
  const assignment = new SlotAssignment(ring, options, {
    listeners: () => listeners as unknown as Listener[],
    attachedIn: (slot) => workers.find((worker) => worker.slot === slot && worker.attached),
    changed: () => log.push('changed'),
    serves: (worker) => {
      log.push(`${name(worker)} serves`);
      worker.lifecycle.move('ready', 'for the test', 0);
    },
  });
  /** A process that has opened listener 0. */
  const fork = (slot: number) => {
    const index = workers.length;
    const child = new FakeChild(100 + index);
    const send = child.process.send.bind(child.process);
    child.process.send = (message, handle) => {
      log.push(`send ${message.limpet.type} to worker ${index}`);
      return send(message, handle);
    };
    const { worker } = fakeWorker(slot, index, child);
    worker.opened.add(0);
    workers.push(worker);
    return { worker, child };
  };
  /** A process that serves the slot. */
  const serving = async (slot: number) => {
    const forked = fork(slot);
    await assignment.assign(forked.worker);
    log.length = 0;
    return forked;
  };
  return { assignment, ring, log, fork, serving, down };
}

describe('hasOpenedAll()', () => {
  it('asks for the listeners that the primary declared', () => {
    const { assignment, fork } = assignmentOf(1);
    const { worker } = fork(0);
    expect(assignment.hasOpenedAll(worker)).toBe(true);
    worker.opened.clear();
    expect(assignment.hasOpenedAll(worker)).toBe(false);
  });

  it('asks for a listener of the app only if this process asked for it', () => {
    const { assignment, fork } = assignmentOf(1);
    const { worker } = fork(0);
    worker.asked.add('own');
    expect(assignment.hasOpenedAll(worker)).toBe(false);
    worker.opened.add(1);
    expect(assignment.hasOpenedAll(worker)).toBe(true);
  });
});

describe('assign()', () => {
  it('attaches the process to the listeners that it has opened, and then informs it', async () => {
    const { assignment, log, fork } = assignmentOf(1);
    const { worker } = fork(0);
    await assignment.assign(worker);
    expect(log).toEqual(['worker 0 serves', 'attach worker 0 to 0', 'send assigned to worker 0', 'changed']);
    expect(worker.attached).toBe(true);
  });

  it('attaches a process again when it has opened one more listener, without stopping it', async () => {
    const { assignment, log, serving } = assignmentOf(1);
    const { worker } = await serving(0);
    worker.opened.add(1);
    await assignment.assign(worker);
    expect(log).toEqual([
      'worker 0 serves',
      'attach worker 0 to 0',
      'attach worker 0 to 1',
      'send assigned to worker 0',
      'changed',
    ]);
  });

  it('waits until the process that has the clients accepts nothing new', async () => {
    const { assignment, log, fork, serving } = assignmentOf(1);
    const { worker: old } = await serving(0);
    const { worker: next } = fork(0);
    const assigned = assignment.assign(next);
    await settle();
    expect([log, next.attached]).toEqual([['send stop to worker 0'], false]);
    old.confirmStop();
    await assigned;
    expect(log.slice(1)).toEqual([
      'worker 1 serves',
      'attach worker 1 to 0',
      'send assigned to worker 1',
      'changed',
    ]);
  });

  it('waits no longer than 2 s for a process that is blocked', async () => {
    const { assignment, fork, serving } = assignmentOf(1);
    await serving(0);
    const { worker: next } = fork(0);
    const assigned = assignment.assign(next);
    await vi.advanceTimersByTimeAsync(1999);
    expect(next.attached).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await assigned;
    expect(next.attached).toBe(true);
  });

  it('does not stop the process of another slot', async () => {
    const { assignment, log, fork, serving } = assignmentOf(2);
    await serving(0);
    await assignment.assign(fork(1).worker);
    expect(log).not.toContain('send stop to worker 0');
  });

  it.each(['draining', 'gone'] as const)(
    'lets the old process accept again if the new one is %s by then',
    async (state) => {
      const { assignment, log, fork, serving } = assignmentOf(1);
      const { worker: old } = await serving(0);
      const { worker: next } = fork(0);
      const assigned = assignment.assign(next);
      next.lifecycle.move(state, 'for the test', 0);
      old.confirmStop();
      await assigned;
      expect(log).toEqual([
        'send stop to worker 0',
        'send resume to worker 0',
        'reattach worker 0 to 0',
        'reattach worker 0 to 1',
      ]);
      expect([old.attached, next.attached]).toEqual([true, false]);
    },
  );

  it('resumes nothing if both processes have ended by then', async () => {
    const { assignment, log, fork, serving } = assignmentOf(1);
    const { worker: old, child } = await serving(0);
    const { worker: next } = fork(0);
    const assigned = assignment.assign(next);
    next.lifecycle.move('gone', 'for the test', 0);
    old.attached = false;
    child.end(0);
    await assigned;
    expect(log).toEqual(['send stop to worker 0']);
  });

  it('ignores a process that ended before, in an empty slot', async () => {
    const { assignment, log, fork } = assignmentOf(1);
    const { worker } = fork(0);
    worker.lifecycle.move('gone', 'for the test', 0);
    await assignment.assign(worker);
    expect([log, worker.attached]).toEqual([[], false]);
  });

  it('brings a slot up again that was down', async () => {
    const { assignment, log, fork } = assignmentOf(2);
    assignment.markDown(1);
    log.length = 0;
    await assignment.assign(fork(1).worker);
    expect(log).toEqual([
      'worker 0 serves',
      'ring of listener 0: 2 slots, down: ',
      'ring of listener 1: 2 slots, down: ',
      'changed',
      'attach worker 0 to 0',
      'send assigned to worker 0',
      'changed',
    ]);
  });
});

describe('unassign()', () => {
  it('detaches the process from all listeners', async () => {
    const { assignment, log, serving } = assignmentOf(1);
    const { worker } = await serving(0);
    assignment.unassign(worker, false);
    expect(log).toEqual(['detach worker 0 from 0', 'detach worker 0 from 1', 'changed']);
    expect(worker.attached).toBe(false);
    assignment.unassign(worker, true);
    expect(log.slice(3)).toEqual(['detach worker 0 from 0, gone', 'detach worker 0 from 1, gone', 'changed']);
  });

  it('marks the slot down after respawnGraceMs', async () => {
    const { assignment, serving, down } = assignmentOf(2);
    assignment.unassign((await serving(1)).worker, true);
    vi.advanceTimersByTime(2999);
    expect(down()).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(down()).toEqual([1]);
  });

  it('keeps the slot up if another process serves it', async () => {
    const { assignment, fork, serving, down } = assignmentOf(1);
    const { worker: old } = await serving(0);
    const assigned = assignment.assign(fork(0).worker);
    old.confirmStop();
    await assigned;
    assignment.unassign(old, false);
    vi.advanceTimersByTime(10_000);
    expect([old.attached, down()]).toEqual([false, []]);
  });

  it('keeps the slot up if the process never served it', () => {
    const { assignment, fork, down } = assignmentOf(1);
    assignment.unassign(fork(0).worker, true);
    vi.advanceTimersByTime(10_000);
    expect(down()).toEqual([]);
  });
});

describe('the grace of a slot', () => {
  it('ends when a process is assigned', async () => {
    const { assignment, fork, serving, down } = assignmentOf(1);
    assignment.unassign((await serving(0)).worker, true);
    vi.advanceTimersByTime(2000);
    await assignment.assign(fork(0).worker);
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(10_000);
    expect(down()).toEqual([]);
  });

  it('begins anew when the next process leaves, too', async () => {
    const { assignment, serving, down } = assignmentOf(1);
    assignment.unassign((await serving(0)).worker, true);
    vi.advanceTimersByTime(2000);
    assignment.unassign((await serving(0)).worker, true);
    vi.advanceTimersByTime(2999);
    expect(down()).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(down()).toEqual([0]);
  });

  it('is not prolonged by a second start', () => {
    const { assignment, down } = assignmentOf(2);
    assignment.startGrace(1);
    vi.advanceTimersByTime(2000);
    assignment.startGrace(1);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1000);
    expect(down()).toEqual([1]);
  });

  it('is not given to a slot that the ring does not have', () => {
    const { assignment } = assignmentOf(2);
    assignment.startGrace(2);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('of a slot that is taken away meanwhile changes nothing', () => {
    const { assignment, log } = assignmentOf(2);
    assignment.startGrace(1);
    assignment.resize(1);
    vi.advanceTimersByTime(0);
    log.length = 0;
    assignment.startGrace(0);
    vi.advanceTimersByTime(3000);
    expect(log).toEqual([
      'ring of listener 0: 1 slots, down: 0',
      'ring of listener 1: 1 slots, down: 0',
      'changed',
    ]);
  });

  it('ends for all slots with end()', () => {
    const { assignment, down } = assignmentOf(2);
    assignment.startGrace(0);
    assignment.startGrace(1);
    assignment.end();
    expect(vi.getTimerCount()).toBe(0);
    assignment.startGrace(1);
    vi.advanceTimersByTime(3000);
    expect(down()).toEqual([1]);
  });
});

describe('markDown() and markUp()', () => {
  it('pass the ring to every listener, and inform the pool', () => {
    const { assignment, log, down } = assignmentOf(2);
    assignment.markDown(1);
    expect(log).toEqual([
      'ring of listener 0: 2 slots, down: 1',
      'ring of listener 1: 2 slots, down: 1',
      'changed',
    ]);
    log.length = 0;
    assignment.markUp(1);
    expect(log).toEqual([
      'ring of listener 0: 2 slots, down: ',
      'ring of listener 1: 2 slots, down: ',
      'changed',
    ]);
    expect(down()).toEqual([]);
  });

  it('change nothing the second time', () => {
    const { assignment, log } = assignmentOf(2);
    assignment.markUp(1);
    expect(log).toEqual([]);
    assignment.markDown(1);
    log.length = 0;
    assignment.markDown(1);
    expect(log).toEqual([]);
  });

  it('change nothing for a slot that the ring does not have', () => {
    const { assignment, log } = assignmentOf(2);
    assignment.markDown(2);
    assignment.markUp(2);
    expect(log).toEqual([]);
  });
});

describe('resize() in two steps', () => {
  /** Three handoffs: the first needs nothing, the second prepares, the third refuses if it is told to. */
  function withHandoffs(refuses: boolean) {
    const ring = new SlotRing({ slots: 2, key: Buffer.from('limpets!') });
    const log: string[] = [];
    const handoff = (name: string, prepare?: (next: SlotRing) => void) => ({
      handoff: {
        updateRing: () => log.push(`${name}: update`),
        ...(prepare && { prepareResize: prepare, abortResize: () => log.push(`${name}: abort`) }),
      },
    });
    const seen = (name: string, next: SlotRing) => {
      log.push(`${name}: prepare ${next.size}`);
      expect(ring.size).toBe(2);
      expect(next.homeTable()).toEqual(
        new SlotRing({ slots: next.size, key: Buffer.from('limpets!') }).homeTable(),
      );
    };
    const listeners = [
      handoff('ipc'),
      handoff('one', (next) => seen('one', next)),
      handoff('two', (next) => {
        seen('two', next);
        if (refuses) throw new Error('refused');
      }),
    ];
    const assignment = new SlotAssignment(
      ring,
      { respawnGraceMs: 3000, noticeMs: 0 },
      {
        listeners: () => listeners as unknown as Listener[],
        attachedIn: () => undefined,
        changed: () => log.push('changed'),
        serves: () => {},
      },
    );
    return { ring, log, assignment };
  }

  it('prepares every handoff, then commits all', () => {
    const { ring, log, assignment } = withHandoffs(false);
    assignment.resize(4);
    expect(ring.size).toBe(4);
    expect(log).toEqual([
      'one: prepare 4',
      'two: prepare 4',
      'ipc: update',
      'one: update',
      'two: update',
      'changed',
    ]);
  });

  it('aborts what was prepared if one handoff refuses, and changes nothing', () => {
    const { ring, log, assignment } = withHandoffs(true);
    const homes = ring.homeTable();
    expect(() => assignment.resize(4)).toThrow('refused');
    expect(ring.size).toBe(2);
    expect(ring.homeTable()).toEqual(homes);
    expect(log).toEqual(['one: prepare 4', 'two: prepare 4', 'one: abort']);
  });
});

describe('resize()', () => {
  it('changes the ring and passes it to every listener', async () => {
    const { assignment, ring, log, serving } = assignmentOf(1);
    await serving(0);
    await serving(1);
    assignment.resize(2);
    expect(ring.size).toBe(2);
    expect(log).toEqual([
      'ring of listener 0: 2 slots, down: ',
      'ring of listener 1: 2 slots, down: ',
      'changed',
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('gives a grace to a slot whose process has ended meanwhile', async () => {
    const { assignment, serving, down } = assignmentOf(1);
    await serving(0);
    assignment.resize(3);
    vi.advanceTimersByTime(2999);
    expect(down()).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(down()).toEqual([1, 2]);
  });

  it('marks a slot down at once if its process is stalled', async () => {
    const { assignment, serving, down } = assignmentOf(1);
    await serving(0);
    (await serving(1)).worker.stalled = true;
    assignment.resize(2);
    expect([down(), vi.getTimerCount()]).toEqual([[1], 0]);
  });
});

describe('giveNotice()', () => {
  const options = { respawnGraceMs: 3000, noticeMs: 5000 };
  const isPending = async (promise: Promise<void>) => {
    let pending = true;
    promise.then(() => {
      pending = false;
    });
    await settle();
    return pending;
  };

  it('informs the processes of the slots that will be taken away, and waits for noticeMs', async () => {
    const { assignment, log, serving } = assignmentOf(3, options);
    for (const slot of [0, 1, 2]) await serving(slot);
    const noticed = assignment.giveNotice(1);
    expect(log).toEqual(['send notice to worker 1', 'send notice to worker 2']);
    await vi.advanceTimersByTimeAsync(4999);
    expect(await isPending(noticed)).toBe(true);
    await vi.advanceTimersByTimeAsync(1);
    expect(await isPending(noticed)).toBe(false);
  });

  it('waits if only the first of several processes could be told', async () => {
    const { assignment, serving } = assignmentOf(2, options);
    await serving(0);
    const { child } = await serving(1);
    child.disconnect();
    expect(await isPending(assignment.giveNotice(0))).toBe(true);
  });

  it('sends nothing to the process of a slot that the ring does not have', async () => {
    const { assignment, log, serving } = assignmentOf(1, options);
    await serving(1);
    expect(await isPending(assignment.giveNotice(0))).toBe(false);
    expect(log).toEqual([]);
  });

  it('does not wait if no process serves', async () => {
    const { assignment } = assignmentOf(2, options);
    expect(await isPending(assignment.giveNotice(0))).toBe(false);
  });

  it('sends nothing with noticeMs 0', async () => {
    const { assignment, log, serving } = assignmentOf(1);
    await serving(0);
    await assignment.giveNotice(0);
    expect(log).toEqual([]);
  });
});
