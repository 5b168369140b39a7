import { describe, expect, it } from 'vitest';
import { shutDown } from '../../../src/cluster/primary/graceful-shutdown.ts';
import type { RouterParts } from '../../../src/cluster/primary/router-parts.ts';
import { RouterState } from '../../../src/cluster/primary/router-state.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

function serving({ isReplaced = false, attached = true, left = [0] } = {}) {
  /** The calls and events, in their order. */
  const log: string[] = [];
  const note =
    <T>(what: string, result?: T) =>
    (...args: unknown[]) => {
      log.push([what, ...args].join(' '));
      return result as T;
    };
  const listeners = left.map((count, index) => ({
    opened: Promise.resolve(),
    handoff: { close: note(`close ${index}`, Promise.resolve(count)) },
  }));
  const state = new RouterState();
  const router = { emit: (event: string, ...args: unknown[]) => note(`emit ${event}`, true)(...args) };
  const parts = {
    state,
    upgrade: { options: { drainTimeoutMs: 5000 }, isReplaced, abort: note('abort') },
    operations: { end: ({ message }: Error) => note('end operations')(message) },
    oneAddressWarning: { end: note('end warning') },
    handoffs: { stop: note('stop acceptor') },
    affinity: { close: note('close affinity') },
    listeners: { all: () => listeners },
    pool: {
      supervisor: {
        workers: () => [{ attached: false }, { attached }],
        close: note('close workers', Promise.resolve()),
      },
      assignment: { giveNotice: note('give notice', Promise.resolve()), end: note('end graces') },
    },
  } as unknown as RouterParts;
  const resources = {
    closeControl: note('close control', Promise.resolve()),
    releaseSignals: note('release signals'),
  };
  const close = () => shutDown(router as never, parts, resources, 'SIGTERM');
  return { log, state, parts, listeners, close };
}

describe('a graceful shutdown', () => {
  it('gives notice, empties the listeners, drains the workers, and then releases everything else', async () => {
    const { log, state, close } = serving();
    expect(await close()).toEqual({ left: 0 });
    expect(state.phase).toBe('closed');
    expect(log).toEqual([
      'end operations the router is closed. Make a new one with createRouter().',
      'emit closing SIGTERM',
      'abort SIGTERM',
      'end warning',
      'give notice 0',
      'end graces',
      'close 0 5000',
      'close workers SIGTERM',
      'end graces',
      'stop acceptor',
      'close affinity',
      'release signals',
      'close control',
      'emit closed',
    ]);
  });

  it('is closing from its beginning, and fails a start that nobody has finished', async () => {
    const { state, close } = serving();
    const done = close();
    expect(state.phase).toBe('closing');
    await expect(state.started).rejects.toMatchObject({ code: 'ERR_LIMPET_CLOSED' });
    await done;
  });

  it('counts the connections that every listener closed unserved', async () => {
    expect(await serving({ left: [2, 0, 5] }).close()).toEqual({ left: 7 });
    expect(await serving({ left: [] }).close()).toEqual({ left: 0 });
  });

  it('waits for no worker if none is attached', async () => {
    const { log, close } = serving({ attached: false });
    await close();
    expect(log).toContain('close 0 0');
  });

  it('waits for addresses that are still being bound, also if one of them fails', async () => {
    const { log, listeners, close } = serving({ left: [0, 0] });
    let bound = () => {};
    Object.assign(listeners[0] as object, {
      opened: new Promise<void>((resolve) => {
        bound = resolve;
      }),
    });
    Object.assign(listeners[1] as object, { opened: Promise.reject(new Error('in use')) });
    const done = close();
    await settled();
    expect(log.at(-1)).toBe('end warning');
    bound();
    await done;
    expect(log).toEqual(expect.arrayContaining(['close 0 5000', 'close 1 5000']));
  });

  it('after a new primary has taken over is silent: no event, no notice, and the name is free at once', async () => {
    const { log, close } = serving({ isReplaced: true });
    await close();
    expect(log.slice(0, 3)).toEqual([
      'end operations the router is closed. Make a new one with createRouter().',
      'close control',
      'abort SIGTERM',
    ]);
    expect(log).not.toContain('emit closing SIGTERM');
    expect(log).not.toContain('give notice 0');
    expect(log.at(-1)).toBe('emit closed');
  });

  it('closes all listeners at the same time', async () => {
    const { log, listeners, close } = serving({ left: [0, 0] });
    let closed: (left: number) => void = () => {};
    (listeners[0] as (typeof listeners)[0]).handoff.close = () =>
      new Promise((resolve) => {
        closed = resolve;
      });
    const done = close();
    await settled();
    expect(log.at(-1)).toBe('close 1 5000');
    closed(4);
    expect(await done).toEqual({ left: 4 });
  });
});
