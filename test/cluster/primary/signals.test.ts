import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { handleSignals } from '../../../src/cluster/primary/signals.ts';
import { publish } from '../../../src/diagnostics.ts';

vi.mock('../../../src/diagnostics.ts', () => ({ publish: vi.fn() }));

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const;
const settled = () => new Promise((resolve) => setImmediate(resolve));

const router = {
  close: vi.fn<(reason: string) => Promise<unknown>>(),
  kill: vi.fn<(reason: string) => void>(),
  reload: vi.fn<() => Promise<unknown>>(),
  upgrade: vi.fn<() => Promise<unknown>>(),
};
const exit = vi.spyOn(process, 'exit').mockImplementation((() => {}) as never);
let release: () => void;
/** Listeners of the test runner itself, which would make limpet's handler one of several. */
let others: Map<string, NodeJS.SignalsListener[]>;

beforeEach(() => {
  vi.clearAllMocks();
  for (const verb of [router.close, router.reload, router.upgrade]) verb.mockResolvedValue(undefined);
  others = new Map(signals.map((signal) => [signal, process.listeners(signal) as NodeJS.SignalsListener[]]));
  for (const signal of signals) process.removeAllListeners(signal);
  release = handleSignals(router);
});
afterEach(() => {
  release();
  for (const [signal, listeners] of others) {
    for (const listener of listeners) process.on(signal as NodeJS.Signals, listener);
  }
});

describe.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)('%s', (signal, code) => {
  it('closes the router, and then ends the process', async () => {
    let closed: (value: unknown) => void = () => {};
    router.close.mockReturnValue(
      new Promise((resolve) => {
        closed = resolve;
      }),
    );
    process.emit(signal, signal);
    expect(router.close.mock.calls).toEqual([[signal]]);
    await settled();
    expect(exit).not.toHaveBeenCalled();
    closed({ left: 0 });
    await settled();
    expect(exit.mock.calls).toEqual([[0]]);
    expect(router.kill).not.toHaveBeenCalled();
  });

  it('kills the workers and ends the process if it comes while the router closes', async () => {
    router.close.mockReturnValue(new Promise(() => {}));
    process.emit('SIGTERM', 'SIGTERM');
    process.emit(signal, signal);
    expect(router.kill.mock.calls).toEqual([[signal]]);
    expect(exit.mock.calls).toEqual([[code]]);
    expect(router.close).toHaveBeenCalledOnce();
  });

  it('leaves the process to an app that has a handler of its own', async () => {
    const own = vi.fn();
    process.on(signal, own);
    process.emit(signal, signal);
    await settled();
    process.emit(signal, signal);
    process.off(signal, own);
    expect(own).toHaveBeenCalledTimes(2);
    expect(router.close).toHaveBeenCalledOnce();
    expect(router.kill).toHaveBeenCalledOnce();
    expect(exit).not.toHaveBeenCalled();
  });
});

describe.each([
  ['SIGHUP', 'reload'],
  ['SIGUSR2', 'upgrade'],
] as const)('%s', (signal, verb) => {
  it(`calls ${verb}() each time`, async () => {
    process.emit(signal, signal);
    process.emit(signal, signal);
    await settled();
    expect(router[verb]).toHaveBeenCalledTimes(2);
    for (const other of ['reload', 'upgrade', 'close', 'kill'] as const) {
      if (other !== verb) expect(router[other]).not.toHaveBeenCalled();
    }
    expect(publish).not.toHaveBeenCalled();
  });

  it('publishes a fault if that fails', async () => {
    const error = new Error('slot 0 did not become ready');
    router[verb].mockRejectedValue(error);
    process.emit(signal, signal);
    await settled();
    const [[channel, payload]] = vi.mocked(publish).mock.calls as never as [[string, () => unknown]];
    expect(channel).toBe('limpet:fault');
    expect(payload()).toEqual({ where: verb, error });
    expect(exit).not.toHaveBeenCalled();
  });
});

it('after the release no signal has a handler', () => {
  release();
  expect(signals.map((signal) => process.listenerCount(signal))).toEqual([0, 0, 0, 0]);
});
