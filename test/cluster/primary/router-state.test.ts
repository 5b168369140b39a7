import { afterEach, describe, expect, it, vi } from 'vitest';
import { RouterState } from '../../../src/cluster/primary/router-state.ts';
import { LimpetError } from '../../../src/errors.ts';

const error = new LimpetError('ERR_LIMPET_WORKER_START', 'no worker became ready');

afterEach(() => {
  vi.useRealTimers();
});

describe('the phase of a router', () => {
  it('begins with starting, at the time when the router is made', () => {
    vi.useFakeTimers({ now: 1234 });
    const state = new RouterState();
    expect([state.phase, state.startedAt]).toEqual(['starting', 1234]);
  });

  it.each([
    ['starting', false],
    ['serving', false],
    ['closing', true],
    ['closed', true],
  ] as const)('%s: isClosing is %s', (phase, isClosing) => {
    const state = new RouterState();
    state.enter(phase);
    expect([state.phase, state.isClosing]).toEqual([phase, isClosing]);
  });
});

describe('the start of a router', () => {
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  it('resolves when the router serves, and not before', async () => {
    const state = new RouterState();
    const started = vi.fn();
    state.started.then(started);
    await settled();
    expect(started).not.toHaveBeenCalled();
    state.enter('serving');
    await settled();
    expect(started).toHaveBeenCalledOnce();
  });

  it('stays resolved if the router fails later', async () => {
    const state = new RouterState();
    state.enter('serving');
    state.failStart(error);
    state.enter('closing');
    await expect(state.started).resolves.toBeUndefined();
  });

  it('rejects with the first error if the router never served', async () => {
    const state = new RouterState();
    state.failStart(error);
    state.failStart(new LimpetError('ERR_LIMPET_CLOSED', 'later'));
    state.enter('serving');
    await expect(state.started).rejects.toBe(error);
  });

  it('does not resolve because the router closes', async () => {
    const state = new RouterState();
    const started = vi.fn();
    state.started.then(started);
    state.enter('closing');
    state.enter('closed');
    await settled();
    expect(started).not.toHaveBeenCalled();
  });

  it('causes no unhandled rejection if nobody waits for it', async () => {
    const onUnhandled = vi.fn();
    process.on('unhandledRejection', onUnhandled);
    new RouterState().failStart(error);
    await settled();
    process.off('unhandledRejection', onUnhandled);
    expect(onUnhandled).not.toHaveBeenCalled();
  });
});
