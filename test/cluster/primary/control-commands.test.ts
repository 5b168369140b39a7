import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  type ControlledRouter,
  openControl,
  routerCommands,
} from '../../../src/cluster/primary/control-commands.ts';
import { ControlServer } from '../../../src/control/server.ts';
import { publish } from '../../../src/diagnostics.ts';
import { LimpetError } from '../../../src/errors.ts';
import { checkRouterOptions, type RouterOptions } from '../../../src/options.ts';

vi.mock('../../../src/control/server.ts');
vi.mock('../../../src/diagnostics.ts', () => ({ publish: vi.fn() }));

function controlled(options: RouterOptions = {}) {
  const router = {
    options: checkRouterOptions(options),
    status: vi.fn(() => 'the status'),
    ring: vi.fn(() => 'the ring'),
    explain: vi.fn(() => 'the explanation'),
    reload: vi.fn(async () => {}),
    upgrade: vi.fn(async () => ({ pid: 77 })),
    scale: vi.fn(async () => {}),
    kill: vi.fn(),
    close: vi.fn(async () => ({ left: 0 })),
  } satisfies ControlledRouter;
  const run = (command: string, args: Record<string, unknown> = {}) =>
    routerCommands(router)[command]?.(args);
  return { router, run };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
afterEach(() => {
  vi.restoreAllMocks();
  vi.resetAllMocks();
});

describe('a command', () => {
  it('has the name of the method that it calls', async () => {
    const { run } = controlled();
    expect(run('status')).toBe('the status');
    expect(run('ring')).toBe('the ring');
    expect(await run('upgrade')).toEqual({ pid: 77 });
    expect(Object.keys(routerCommands(controlled().router)).sort()).toEqual([
      'explain',
      'reload',
      'ring',
      'scale',
      'status',
      'stop',
      'upgrade',
    ]);
  });
});

describe('explain', () => {
  const head = Buffer.from('GET / HTTP/1.1\r\n\r\n').toString('base64');

  it('of an address passes it on as it is', () => {
    const { router, run } = controlled();
    expect(run('explain', { address: '10.0.0.7' })).toBe('the explanation');
    run('explain', { address: 7 });
    expect(router.explain.mock.calls).toEqual([['10.0.0.7'], [7]]);
  });

  it('of a head passes on its bytes, with the address if there is one', () => {
    const { router, run } = controlled();
    run('explain', { head });
    run('explain', { head, address: '10.0.0.7' });
    const bytes = Buffer.from('GET / HTTP/1.1\r\n\r\n');
    expect(router.explain.mock.calls).toEqual([[{ head: bytes }], [{ head: bytes, address: '10.0.0.7' }]]);
    expect((router.explain.mock.calls as unknown[][])[0]?.[0]).not.toHaveProperty('address');
  });

  it('takes a head that is no text for none', () => {
    const { router, run } = controlled();
    run('explain', { head: 7, address: '10.0.0.7' });
    expect(router.explain.mock.calls).toEqual([['10.0.0.7']]);
  });
});

describe('reload', () => {
  it('replaces one slot at a time unless it is told how many', () => {
    const { router, run } = controlled();
    run('reload');
    run('reload', { parallel: 3 });
    expect(router.reload.mock.calls).toEqual([[{ parallel: 1 }], [{ parallel: 3 }]]);
  });

  it.each([0, -1, 1.5, '2', null, Number.NaN, 2 ** 53])('refuses %j slots at a time', (parallel) => {
    const { router, run } = controlled();
    expect(() => run('reload', { parallel })).toThrow(
      expect.objectContaining({
        code: 'ERR_LIMPET_OPTION',
        message: `argument parallel: got ${JSON.stringify(parallel)}, expected a whole number from 1.`,
        facts: { argument: 'parallel', value: parallel },
      }),
    );
    expect(router.reload).not.toHaveBeenCalled();
  });
});

describe('scale', () => {
  it('changes the number of slots', () => {
    const { router, run } = controlled();
    run('scale', { workers: 5 });
    expect(router.scale.mock.calls).toEqual([[5]]);
  });

  it.each([
    [0, {}],
    ['5', {}],
    [257, {}],
    [80, { workers: 2, buckets: 64 }],
  ])('refuses %j slots (%o)', (workers, options) => {
    const { router, run } = controlled(options);
    expect(() => run('scale', { workers })).toThrow(expect.objectContaining({ code: 'ERR_LIMPET_OPTION' }));
    expect(router.scale).not.toHaveBeenCalled();
  });
});

describe('stop', () => {
  function exits() {
    const exit = vi.spyOn(process, 'exit').mockImplementation((() => {}) as never);
    return exit;
  }

  it('closes the router, and ends the process when the caller has its answer', async () => {
    const exit = exits();
    const { router, run } = controlled({ signals: true });
    expect(await run('stop')).toEqual({ left: 0 });
    expect(router.close.mock.calls).toEqual([['limpet stop']]);
    expect(router.kill).not.toHaveBeenCalled();
    expect(exit).not.toHaveBeenCalled();
    await settled();
    expect(exit.mock.calls).toEqual([[0]]);
  });

  it('leaves the end of the process to an app that has a handler for SIGTERM', async () => {
    const exit = exits();
    const onTerminate = vi.fn();
    process.on('SIGTERM', onTerminate);
    onTestFinished(() => {
      process.off('SIGTERM', onTerminate);
    });
    await controlled({ signals: true }).run('stop');
    await settled();
    expect(onTerminate.mock.calls).toEqual([['SIGTERM']]);
    expect(exit).not.toHaveBeenCalled();
  });

  it('leaves the process alone without the option signals', async () => {
    const exit = exits();
    await controlled({ signals: false }).run('stop');
    await settled();
    expect(exit).not.toHaveBeenCalled();
  });

  it.each([
    [true, 1],
    [false, 0],
    ['yes', 0],
    [1, 0],
  ])('with now: %j kills the workers %d times before it closes', async (now, kills) => {
    exits();
    const { router, run } = controlled({ signals: false });
    await run('stop', { now });
    expect(router.kill.mock.calls).toEqual(new Array(kills).fill(['limpet stop']));
    expect(router.close).toHaveBeenCalledOnce();
    if (kills > 0) {
      const [killed, closed] = [router.kill, router.close].map(
        ({ mock }) => mock.invocationCallOrder[0] as number,
      );
      expect(killed).toBeLessThan(closed as number);
    }
  });
});

describe('the control socket', () => {
  const server = { the: 'server' } as never;
  const onNameInUse = vi.fn();
  beforeEach(() => {
    vi.mocked(ControlServer.open).mockResolvedValue(server);
  });

  it('is not there without a name', async () => {
    expect(await openControl(controlled().router, undefined, onNameInUse)).toBeUndefined();
    expect(ControlServer.open).not.toHaveBeenCalled();
  });

  it('is opened by the name, with the commands', async () => {
    const { router } = controlled({ name: 'shop' });
    expect(await openControl(router, undefined, onNameInUse)).toBe(server);
    const [[given]] = vi.mocked(ControlServer.open).mock.calls as never as [[{ commands: object }]];
    expect(given).toEqual({ name: 'shop', commands: expect.anything() });
    expect(given).not.toHaveProperty('replaces');
    expect(Object.keys(given.commands)).toContain('stop');
  });

  it('may have the name of the old primary', async () => {
    await openControl(controlled({ name: 'shop' }).router, 100, onNameInUse);
    expect(vi.mocked(ControlServer.open).mock.calls[0]?.[0]).toMatchObject({ replaces: 100 });
  });

  it('reports a name that another router has', async () => {
    const inUse = new LimpetError('ERR_LIMPET_NAME_IN_USE', 'a router named shop runs already');
    vi.mocked(ControlServer.open).mockRejectedValue(inUse);
    expect(await openControl(controlled({ name: 'shop' }).router, undefined, onNameInUse)).toBeUndefined();
    expect(onNameInUse.mock.calls).toEqual([[inUse]]);
    expect(publish).not.toHaveBeenCalled();
  });

  it('that has no place is a fault, and the router serves without it', async () => {
    const noPlace = new LimpetError('ERR_LIMPET_CONTROL', 'there is no place for the socket');
    vi.mocked(ControlServer.open).mockRejectedValue(noPlace);
    expect(await openControl(controlled({ name: 'shop' }).router, undefined, onNameInUse)).toBeUndefined();
    expect(onNameInUse).not.toHaveBeenCalled();
    const [[channel, payload]] = vi.mocked(publish).mock.calls as never as [[string, () => unknown]];
    expect(channel).toBe('limpet:fault');
    expect(payload()).toEqual({ where: 'control socket', error: noPlace });
  });
});
