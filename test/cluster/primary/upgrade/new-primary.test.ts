import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HandoverState } from '../../../../src/cluster/primary/upgrade/handover-state.ts';
import { NewPrimary, upgradeRefused } from '../../../../src/cluster/primary/upgrade/new-primary.ts';
import { FakePipe } from './fake-pipe.ts';

vi.mock('node:child_process', async (original) => ({ ...(await original<object>()), spawn: vi.fn() }));
vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  return { ...real, readFileSync: vi.fn(real.readFileSync) };
});

const state: HandoverState = {
  version: 1,
  pid: 100,
  secret: 'a secret of sixteen bytes',
  workers: 2,
  scaledTo: undefined,
  sockets: [
    { key: ':80', descriptors: [21, 22], managed: false },
    { key: ':81', descriptors: [30], managed: true },
  ],
  notify: undefined,
};

class FakeChild extends EventEmitter {
  readonly pid = 4242;
  readonly pipe = new FakePipe();
  readonly stdio = [null, null, null, this.pipe];
  readonly kill = vi.fn();
  readonly unref = vi.fn();

  async says(message: object): Promise<void> {
    this.pipe.receive(message);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

let child: FakeChild;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  child = new FakeChild();
  vi.mocked(spawn).mockReturnValue(child as unknown as ChildProcess);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.resetAllMocks();
});

/** 'pending', 'served', or the message of the error. */
function outcomeOf({ served }: NewPrimary): () => string {
  let outcome = 'pending';
  served.then(
    () => {
      outcome = 'served';
    },
    (error: Error) => {
      outcome = error.message;
    },
  );
  return () => outcome;
}
const notTakenOver = (reason: string) =>
  `the new primary did not take over (${reason}). Nothing has changed: this primary serves on.`;

describe('a new primary', () => {
  it('runs the command line of this process, with the pipe as descriptor 3 and the sockets after it', () => {
    const { pid } = new NewPrimary(state, 0);
    expect(pid).toBe(4242);
    const [[command, args, options]] = vi.mocked(spawn).mock.calls as never as [
      [string, string[], { cwd: string; env: Record<string, string>; stdio: unknown[] }],
    ];
    expect(command).toBe(process.execPath);
    expect(args).toEqual([...process.execArgv, ...process.argv.slice(1)]);
    expect(options.stdio).toEqual(['inherit', 'inherit', 'inherit', 'pipe', 21, 22, 30]);
    expect(options.env).toEqual({ ...process.env, LIMPET_LEGACY: '3' });
    expect(options.cwd).toBe(process.env.PWD ?? process.cwd());
  });

  it('gets the state as the first line, with the descriptor numbers of its own process', () => {
    new NewPrimary(state, 0);
    expect(child.pipe.takeWritten()).toEqual([
      {
        version: 1,
        pid: 100,
        secret: state.secret,
        workers: 2,
        sockets: [
          { key: ':80', descriptors: [4, 5], managed: false },
          { key: ':81', descriptors: [6], managed: true },
        ],
      },
    ]);
    expect(state.sockets[0]?.descriptors).toEqual([21, 22]);
  });

  it('serves when it reports ready', async () => {
    const primary = new NewPrimary(state, 1000);
    const outcome = outcomeOf(primary);
    await vi.advanceTimersByTimeAsync(999);
    expect(outcome()).toBe('pending');
    await child.says({ ready: true });
    expect(outcome()).toBe('served');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(child.kill).not.toHaveBeenCalled();
  });

  it('may report ready twice, and exit after that', async () => {
    const primary = new NewPrimary(state, 0);
    const outcome = outcomeOf(primary);
    await child.says({ ready: true });
    await child.says({ ready: true });
    child.emit('exit', 0, null);
    await vi.advanceTimersByTimeAsync(0);
    expect(outcome()).toBe('served');
  });

  it('that reports a failure is killed two seconds later, even if it reports ready meanwhile', async () => {
    const outcome = outcomeOf(new NewPrimary(state, 5000));
    await child.says({ failed: 'slot 0: exited with code 4' });
    await child.says({ ready: true });
    expect(outcome()).toBe('pending');
    await vi.advanceTimersByTimeAsync(1999);
    expect(child.kill).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(child.kill.mock.calls).toEqual([['SIGKILL']]);
    child.emit('exit', null, 'SIGKILL');
    await vi.advanceTimersByTimeAsync(0);
    expect(outcome()).toBe(notTakenOver('slot 0: exited with code 4'));
  });

  it('that reports failures and exits is not killed, and the first failure counts', async () => {
    const outcome = outcomeOf(new NewPrimary(state, 1000));
    await child.says({ failed: 'first' });
    await child.says({ failed: 'second' });
    child.emit('exit', 1, null);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(outcome()).toBe(notTakenOver('first'));
    expect(child.kill).not.toHaveBeenCalled();
  });

  it('is killed if it does not serve in time, and a late ready does not count', async () => {
    const outcome = outcomeOf(new NewPrimary(state, 5000));
    await vi.advanceTimersByTimeAsync(4999);
    expect(child.kill).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(2);
    expect(child.kill.mock.calls).toEqual([['SIGKILL']]);
    await child.says({ ready: true });
    expect(outcome()).toBe('pending');
    child.emit('exit', null, 'SIGKILL');
    await vi.advanceTimersByTimeAsync(0);
    expect(outcome()).toBe(notTakenOver('it did not serve within 5000 ms'));
  });

  it('has no limit of time if that is 0', async () => {
    const outcome = outcomeOf(new NewPrimary(state, 0));
    await vi.advanceTimersByTimeAsync(86_400_000);
    expect(outcome()).toBe('pending');
    expect(child.kill).not.toHaveBeenCalled();
  });

  it.each([
    ['exit', [4, null], 'it ended with code 4'],
    ['exit', [null, 'SIGSEGV'], 'killed by SIGSEGV'],
    ['error', [new Error('spawn ENOENT')], 'it could not be started: spawn ENOENT'],
  ])('has failed if its process emits %s with %o', async (event, args, reason) => {
    const primary = new NewPrimary(state, 1000);
    const outcome = outcomeOf(primary);
    child.emit(event, ...args);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(outcome()).toBe(notTakenOver(reason));
    await expect(primary.served).rejects.toMatchObject({ code: 'ERR_LIMPET_UPGRADE', facts: { reason } });
    expect(child.kill).not.toHaveBeenCalled();
  });

  it('is released with its last line, and outlives this process', () => {
    const primary = new NewPrimary(state, 0);
    child.pipe.takeWritten();
    primary.release();
    expect(child.pipe.takeWritten()).toEqual([{ yours: true }]);
    expect(child.pipe.writableEnded).toBe(true);
    expect(child.unref).toHaveBeenCalledOnce();
  });

  it('can be killed', () => {
    new NewPrimary(state, 0).kill();
    expect(child.kill.mock.calls).toEqual([['SIGKILL']]);
  });
});

describe('the start of a new primary', () => {
  const place = (settings: Partial<Record<'platform' | 'pid' | 'ppid', unknown>>, init = 'systemd') => {
    for (const [name, value] of Object.entries(settings)) {
      vi.spyOn(process, name as 'pid', 'get').mockReturnValue(value as never);
    }
    vi.mocked(readFileSync).mockImplementation(((path: string) => {
      if (path === '/proc/1/comm' && init !== '') return `${init}\n`;
      throw new Error('ENOENT');
    }) as never);
  };
  const instead =
    'start a new container and stop this one (its SIGTERM drains), or use limpet reload for new workers';

  it('is refused on Windows', () => {
    place({ platform: 'win32' });
    expect(() => new NewPrimary(state, 0)).toThrow(
      'this primary cannot be replaced: Windows cannot give a listening socket to another process.',
    );
    expect(spawn).not.toHaveBeenCalled();
  });

  it('is refused in process 1', () => {
    place({ pid: 1 });
    expect(() => new NewPrimary(state, 0)).toThrow(
      `this primary cannot be replaced: this primary is process 1, and the container ends with it: ${instead}.`,
    );
    expect(spawn).not.toHaveBeenCalled();
  });

  it.each(['tini', 'docker-init', 'dumb-init', 'catatonit'])('is refused in a child of %s', (init) => {
    place({ ppid: 1 }, init);
    expect(() => new NewPrimary(state, 0)).toThrow(
      `this primary cannot be replaced: this primary is the child of ${init}, and the container ends with it: ${instead}.`,
    );
    expect(spawn).not.toHaveBeenCalled();
  });

  it.each([
    [{ ppid: 1 }, 'systemd'],
    [{ ppid: 1 }, ''],
    [{ ppid: 7 }, 'tini'],
  ])('is allowed in a child of any other process (%o, %s)', (settings, init) => {
    place(settings, init);
    expect(new NewPrimary(state, 0).pid).toBe(4242);
  });

  it('is refused with an error that names the reason', () => {
    expect(upgradeRefused('it is late')).toMatchObject({
      code: 'ERR_LIMPET_UPGRADE',
      message: 'this primary cannot be replaced: it is late.',
      facts: { reason: 'it is late' },
    });
  });
});
