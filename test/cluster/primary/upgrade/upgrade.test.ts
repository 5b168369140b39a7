import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RouterEvents } from '../../../../src/cluster/primary/router-events.ts';
import type { HandoverState } from '../../../../src/cluster/primary/upgrade/handover-state.ts';
import { NewPrimary } from '../../../../src/cluster/primary/upgrade/new-primary.ts';
import { OldPrimary } from '../../../../src/cluster/primary/upgrade/old-primary.ts';
import { takeManagedSockets, takeNotifySettings } from '../../../../src/cluster/primary/upgrade/systemd.ts';
import { SystemdNotifier } from '../../../../src/cluster/primary/upgrade/systemd-notifier.ts';
import { Upgrade } from '../../../../src/cluster/primary/upgrade/upgrade.ts';
import { LimpetError } from '../../../../src/errors.ts';
import { checkRouterOptions, type RouterOptions } from '../../../../src/options.ts';

vi.mock('../../../../src/cluster/primary/upgrade/old-primary.ts');
vi.mock('../../../../src/cluster/primary/upgrade/systemd.ts');
vi.mock('../../../../src/cluster/primary/upgrade/systemd-notifier.ts');
vi.mock('../../../../src/cluster/primary/upgrade/new-primary.ts', async (original) => ({
  ...(await original<object>()),
  NewPrimary: vi.fn(),
}));

const notify = { path: '/run/notify', watchdogMs: 500 };
const state: HandoverState = {
  version: 1,
  pid: 100,
  secret: 'the old primary has this secret',
  workers: 2,
  scaledTo: 5,
  sockets: [{ key: ':80', descriptors: [40], managed: false }],
  notify,
};

/** The old primary that this process replaces. */
function oldPrimary(of: Partial<HandoverState> = {}) {
  let handOver = () => {};
  const old = {
    state: { ...state, ...of },
    isServing: true,
    admit: vi.fn(() => ['admitted']),
    sendReady: vi.fn(),
    sendFailed: vi.fn(),
    handedOver: new Promise<void>((resolve) => {
      handOver = resolve;
    }),
  };
  vi.mocked(OldPrimary.connect).mockReturnValue(old as never);
  return Object.assign(old, { handOver: () => handOver() });
}

/** The next NewPrimary that is made: the test lets it serve or fail. */
function newPrimary(pid = 200) {
  let serve = () => {};
  let fail: (error: Error) => void = () => {};
  const served = new Promise<void>((resolve, reject) => {
    serve = resolve;
    fail = reject;
  });
  served.catch(() => {});
  const primary = { pid, served, release: vi.fn(), kill: vi.fn() };
  vi.mocked(NewPrimary).mockImplementation(function fake() {
    return primary as never;
  });
  return Object.assign(primary, { serve: () => serve(), fail: (error: Error) => fail(error) });
}

const routers: EventEmitter<RouterEvents>[] = [];
function upgradeOf(options: RouterOptions = {}) {
  const upgrade = new Upgrade(checkRouterOptions({ workers: 2, ...options }));
  const router = new EventEmitter<RouterEvents>();
  routers.push(router);
  return { upgrade, router, start: () => upgrade.start(router, () => 2) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  vi.mocked(takeManagedSockets).mockReturnValue([]);
});
afterEach(() => {
  for (const router of routers.splice(0)) router.emit('closed');
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.resetAllMocks();
});

describe('a router without an old primary', () => {
  it('keeps its options, makes a secret, and takes the sockets of the service manager', () => {
    vi.mocked(takeManagedSockets).mockReturnValue([{ key: 'managed', descriptors: [3], managed: true }]);
    const { upgrade } = upgradeOf();
    expect(upgrade.options).toEqual(checkRouterOptions({ workers: 2 }));
    expect(upgrade.secret).toMatch(/^[0-9a-f]{64}$/);
    expect(upgradeOf().upgrade.secret).not.toBe(upgrade.secret);
    expect(upgrade.sockets.inheritedFor('managed', { path: '/x', backlog: 1 })?.descriptors).toEqual([3]);
    expect(upgrade.oldPrimaryPid).toBeUndefined();
    expect(upgrade.oldPrimaryServes).toBe(false);
    expect(upgrade.isReplaced).toBe(false);
  });

  it('has the secret of its options', () => {
    expect(upgradeOf({ secret: 'sixteen bytes at least' }).upgrade.secret).toBe('sixteen bytes at least');
  });

  it('admits each worker at once, and takes over from nobody', async () => {
    const { upgrade } = upgradeOf();
    expect(upgrade.admit('worker', [undefined])).toEqual(['worker']);
    await upgrade.takeOver();
    expect(() => upgrade.abort('closed')).not.toThrow();
  });

  it('notifies the service manager that the environment names, from its start', () => {
    vi.mocked(takeNotifySettings).mockReturnValue(notify);
    const { start, router } = upgradeOf();
    expect(SystemdNotifier).not.toHaveBeenCalled();
    start();
    expect(vi.mocked(SystemdNotifier).mock.calls).toEqual([[notify, router, expect.any(Function)]]);
    expect(vi.mocked(SystemdNotifier).mock.calls[0]?.[2]()).toBe(2);
  });

  it('notifies nobody without such an environment', () => {
    upgradeOf().start();
    expect(SystemdNotifier).not.toHaveBeenCalled();
  });
});

describe('a router with an old primary', () => {
  it('has its secret and sockets, and neither the sockets nor the notify settings of the environment', () => {
    oldPrimary();
    const { upgrade, start, router } = upgradeOf();
    start();
    expect(upgrade.oldPrimaryPid).toBe(100);
    expect(upgrade.oldPrimaryServes).toBe(true);
    expect(upgrade.secret).toBe(state.secret);
    expect(upgrade.sockets.inheritedFor(':80', { path: '/x', backlog: 1 })?.descriptors).toEqual([40]);
    expect(takeManagedSockets).not.toHaveBeenCalled();
    expect(takeNotifySettings).not.toHaveBeenCalled();
    expect(vi.mocked(SystemdNotifier).mock.calls).toEqual([[notify, router, expect.any(Function)]]);
  });

  it('has the secret of its own options if there is one', () => {
    oldPrimary();
    expect(upgradeOf({ secret: 'sixteen bytes at least' }).upgrade.secret).toBe('sixteen bytes at least');
  });

  it.each([
    ['the number to which the old one was scaled, if both have the same option', { workers: 2 }, 2, 5],
    ['its own number, if its option is another', { workers: 3 }, 2, 2],
    ['its own number, if the old one was not scaled', { workers: 2, scaledTo: undefined }, 2, 2],
  ])('has %s', (_which, of, workers, expected) => {
    oldPrimary(of);
    expect(upgradeOf({ workers }).upgrade.options.workers).toBe(expected);
  });

  it('admits the workers that OldPrimary admits', () => {
    const old = oldPrimary();
    const { upgrade } = upgradeOf();
    expect(upgrade.admit('worker', ['worker', undefined])).toEqual(['admitted']);
    expect(old.admit.mock.calls).toEqual([['worker', ['worker', undefined]]]);
    old.isServing = false;
    expect(upgrade.oldPrimaryServes).toBe(false);
  });

  it('has taken over when the old primary has answered its ready message', async () => {
    const old = oldPrimary();
    const { upgrade } = upgradeOf();
    let done = false;
    expect(old.sendReady).not.toHaveBeenCalled();
    const takenOver = upgrade.takeOver().then(() => {
      done = true;
    });
    expect(old.sendReady).toHaveBeenCalledOnce();
    await settled();
    expect(done).toBe(false);
    old.handOver();
    await takenOver;
  });

  it('closes sockets that nobody asked for ten seconds after it is ready', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    oldPrimary();
    const { upgrade } = upgradeOf();
    const closeUnclaimed = vi.spyOn(upgrade.sockets, 'closeUnclaimed').mockReturnValue();
    vi.advanceTimersByTime(60_000);
    upgrade.takeOver();
    vi.advanceTimersByTime(9_999);
    expect(closeUnclaimed).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(closeUnclaimed).toHaveBeenCalledOnce();
  });

  it('reports to the old primary that it gives up, but only while the old primary serves', () => {
    const old = oldPrimary();
    const { upgrade } = upgradeOf();
    upgrade.abort('no worker became ready');
    expect(old.sendFailed.mock.calls).toEqual([['no worker became ready']]);
    old.isServing = false;
    upgrade.abort('closed');
    expect(old.sendFailed).toHaveBeenCalledOnce();
  });
});

describe('a handover', () => {
  const given = [{ key: ':80', descriptors: [21], managed: false }];
  function handingOver(options: RouterOptions = {}) {
    const { upgrade, start, router } = upgradeOf(options);
    start();
    vi.spyOn(upgrade.sockets, 'transferable').mockReturnValue(given);
    const transfer = vi.spyOn(upgrade.sockets, 'transfer').mockReturnValue();
    return { upgrade, router, transfer };
  }

  it('starts a process with the state of this one', async () => {
    vi.mocked(takeNotifySettings).mockReturnValue(notify);
    const primary = newPrimary();
    const { upgrade } = handingOver({ readyTimeoutMs: 30_000 });
    const done = upgrade.handOver(2);
    expect(vi.mocked(NewPrimary).mock.calls).toEqual([
      [
        {
          version: 1,
          pid: process.pid,
          secret: upgrade.secret,
          workers: 2,
          scaledTo: undefined,
          sockets: given,
          notify,
        },
        45_000,
      ],
    ]);
    primary.serve();
    await done;
  });

  it('hands over the number of workers in the options, and the present number if it is another', async () => {
    const primary = newPrimary();
    primary.serve();
    await handingOver().upgrade.handOver(6);
    expect(vi.mocked(NewPrimary).mock.calls[0]?.[0]).toMatchObject({ workers: 2, scaledTo: 6 });
  });

  it('passes on the configured number in a second upgrade', async () => {
    oldPrimary();
    newPrimary().serve();
    const { upgrade } = handingOver();
    expect(upgrade.options.workers).toBe(5);
    await upgrade.handOver(5);
    expect(vi.mocked(NewPrimary).mock.calls[0]?.[0]).toMatchObject({ workers: 2, scaledTo: 5, notify });
  });

  it('has no limit of time if the workers have none', async () => {
    newPrimary().serve();
    await handingOver({ readyTimeoutMs: 0 }).upgrade.handOver(2);
    expect(vi.mocked(NewPrimary).mock.calls[0]?.[1]).toBe(0);
  });

  it('changes nothing before the new primary serves, then transfers the sockets, then releases the process', async () => {
    const primary = newPrimary(321);
    const { upgrade, transfer } = handingOver();
    const done = upgrade.handOver(2);
    await settled();
    expect(upgrade.isReplaced).toBe(false);
    expect(transfer).not.toHaveBeenCalled();
    primary.serve();
    expect(await done).toBe(321);
    expect(upgrade.isReplaced).toBe(true);
    expect(transfer).toHaveBeenCalledOnce();
    expect(primary.release).not.toHaveBeenCalled();
    await settled();
    expect(primary.release).toHaveBeenCalledOnce();
    upgrade.abort('closed');
    expect(primary.kill).not.toHaveBeenCalled();
  });

  it('that fails changes nothing, and may be tried again', async () => {
    const first = newPrimary();
    const { upgrade, transfer } = handingOver();
    const failure = new LimpetError('ERR_LIMPET_UPGRADE', 'the new primary did not take over');
    const failed = upgrade.handOver(2);
    first.fail(failure);
    await expect(failed).rejects.toBe(failure);
    await settled();
    expect(upgrade.isReplaced).toBe(false);
    expect(transfer).not.toHaveBeenCalled();
    expect(first.release).not.toHaveBeenCalled();
    upgrade.abort('closed');
    expect(first.kill).not.toHaveBeenCalled();
    newPrimary(322).serve();
    expect(await upgrade.handOver(2)).toBe(322);
  });

  it('ends with the router: the new primary is killed', async () => {
    const primary = newPrimary();
    const { upgrade } = handingOver();
    const done = upgrade.handOver(2);
    upgrade.abort('SIGTERM');
    expect(primary.kill).toHaveBeenCalledOnce();
    primary.fail(new Error('killed'));
    await expect(done).rejects.toThrow('killed');
  });

  it('is refused if a listening socket cannot be given to another process', async () => {
    const { upgrade } = handingOver();
    vi.mocked(upgrade.sockets.transferable).mockReturnValue(':80');
    await expect(upgrade.handOver(2)).rejects.toMatchObject({
      code: 'ERR_LIMPET_UPGRADE',
      message:
        'this primary cannot be replaced: only the native addon can hand over the listening socket of :80.',
    });
    expect(NewPrimary).not.toHaveBeenCalled();
  });

  it('is refused while the process has another router', async () => {
    newPrimary().serve();
    const { upgrade } = handingOver();
    const other = upgradeOf();
    other.start();
    await expect(upgrade.handOver(2)).rejects.toMatchObject({
      code: 'ERR_LIMPET_UPGRADE',
      message:
        'this primary cannot be replaced: this process has several routers. Give each router a process of its own.',
    });
    expect(NewPrimary).not.toHaveBeenCalled();
    other.router.emit('closed');
    expect(await upgrade.handOver(2)).toBe(200);
  });

  it('is refused if the new primary cannot be started at all', async () => {
    const refusal = new LimpetError('ERR_LIMPET_UPGRADE', 'no upgrade in a container');
    vi.mocked(NewPrimary).mockImplementation(function refuse() {
      throw refusal;
    });
    const { upgrade } = handingOver();
    await expect(upgrade.handOver(2)).rejects.toBe(refusal);
    expect(upgrade.isReplaced).toBe(false);
  });
});
