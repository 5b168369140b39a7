import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { closedError } from '../../../src/cluster/primary/errors.ts';
import { scaleTo } from '../../../src/cluster/primary/pool/scaling.ts';
import { type OperatedParts, RollingOperations } from '../../../src/cluster/primary/rolling-operations.ts';
import type { RouterEvents } from '../../../src/cluster/primary/router-events.ts';

vi.mock('../../../src/cluster/primary/pool/scaling.ts', () => ({ scaleTo: vi.fn() }));

interface Pending {
  readonly slot: number;
  resolve(): void;
  reject(error: Error): void;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

function operated(slots = [{ number: 0 }, { number: 1 }, { number: 2 }] as object[]) {
  /** Replacements that have begun, in their order. */
  const replaced: Pending[] = [];
  const replace = vi.fn(
    (slot: number) =>
      new Promise<void>((resolve, reject) => {
        replaced.push({ slot, resolve, reject });
      }),
  );
  const handOver = vi.fn(async (_workers: number) => 77);
  const router = new EventEmitter<RouterEvents>();
  const events: unknown[] = [];
  for (const name of ['reloading', 'reloaded', 'upgraded'] as const) {
    router.on(name, (...args: unknown[]) => events.push([name, ...args]));
  }
  const parts = {
    ring: { size: 3 },
    pool: { supervisor: { slots, replace }, assignment: {} },
    listeners: {},
    upgrade: { handOver },
  } as unknown as OperatedParts;
  return {
    operations: new RollingOperations(router, parts),
    router,
    parts,
    replaced,
    replace,
    handOver,
    events,
  };
}

beforeEach(() => {
  vi.mocked(scaleTo).mockReset().mockResolvedValue();
});

describe('a reload', () => {
  it('replaces one slot after another, and emits reloading and reloaded', async () => {
    const { operations, replaced, replace, events } = operated();
    const done = operations.reload(1);
    await settled();
    expect(events).toEqual([['reloading']]);
    for (let slot = 0; slot < 3; slot++) {
      expect(replace.mock.calls.map(([number]) => number)).toEqual([0, 1, 2].slice(0, slot + 1));
      expect(events).toHaveLength(1);
      replaced[slot]?.resolve();
      await settled();
    }
    await done;
    expect(events).toEqual([['reloading'], ['reloaded']]);
  });

  it.each([
    [2, 2],
    [5, 3],
  ])('with parallel %d replaces %d of three slots at a time', async (parallel, atATime) => {
    const { operations, replaced } = operated();
    const done = operations.reload(parallel);
    await settled();
    expect(replaced).toHaveLength(atATime);
    for (let slot = 0; slot < 3; slot++) {
      replaced[slot]?.resolve();
      await settled();
    }
    await done;
  });

  it('leaves out slots that were taken away', async () => {
    const { operations, replaced } = operated([{ number: 0 }, { number: 1, retired: true }, { number: 2 }]);
    const done = operations.reload(3);
    await settled();
    expect(replaced.map(({ slot }) => slot)).toEqual([0, 2]);
    for (const { resolve } of replaced) resolve();
    await done;
  });

  it('that fails half-way leaves the other slots as they are, and emits reloaded', async () => {
    const { operations, replaced, events } = operated();
    const done = operations.reload(1);
    done.catch(() => {});
    await settled();
    replaced[0]?.resolve();
    await settled();
    const error = new Error('slot 1 did not become ready');
    replaced[1]?.reject(error);
    await expect(done).rejects.toBe(error);
    expect(replaced.map(({ slot }) => slot)).toEqual([0, 1]);
    expect(events).toEqual([['reloading'], ['reloaded']]);
  });

  it('waits for the reload before it, even if that fails', async () => {
    const { operations, replaced, events } = operated([{ number: 0 }]);
    const first = operations.reload(1);
    const second = operations.reload(1);
    await settled();
    expect(replaced).toHaveLength(1);
    replaced[0]?.reject(new Error('not ready'));
    await expect(first).rejects.toThrow('not ready');
    await settled();
    expect(replaced).toHaveLength(2);
    replaced[1]?.resolve();
    await second;
    expect(events).toEqual([['reloading'], ['reloaded'], ['reloading'], ['reloaded']]);
  });
});

describe('scaling', () => {
  it('calls scaleTo() with the parts of the router', async () => {
    const { operations, router, parts } = operated();
    await operations.scale(5);
    const { ring, pool, listeners } = parts;
    expect(vi.mocked(scaleTo).mock.calls).toEqual([[5, router, ring, pool, listeners]]);
  });

  it('waits for a reload, and the next reload waits for it', async () => {
    const { operations, replaced } = operated([{ number: 0 }]);
    let scaled = () => {};
    vi.mocked(scaleTo).mockImplementation(
      () =>
        new Promise((resolve) => {
          scaled = resolve;
        }),
    );
    const all = [operations.reload(1), operations.scale(5), operations.reload(1)];
    await settled();
    expect(scaleTo).not.toHaveBeenCalled();
    replaced[0]?.resolve();
    await settled();
    expect(scaleTo).toHaveBeenCalledOnce();
    expect(replaced).toHaveLength(1);
    scaled();
    await settled();
    replaced[1]?.resolve();
    await Promise.all(all);
  });

  it('rejects as scaleTo() does', async () => {
    const error = new Error('slot 3 did not become ready');
    vi.mocked(scaleTo).mockRejectedValue(error);
    await expect(operated().operations.scale(5)).rejects.toBe(error);
  });
});

describe('an upgrade', () => {
  it('hands over the present number of slots, and resolves with the new process', async () => {
    const { operations, handOver, events } = operated();
    expect(await operations.upgrade()).toBe(77);
    expect(handOver.mock.calls).toEqual([[3]]);
    expect(events).toEqual([['upgraded', 77]]);
  });

  it('emits upgraded before setImmediate callbacks of the handover run', async () => {
    const { operations, handOver, events } = operated();
    let announced: unknown[] | undefined;
    handOver.mockImplementation(async () => {
      setImmediate(() => {
        announced = [...events];
      });
      return 77;
    });
    await operations.upgrade();
    await settled();
    expect(announced).toEqual([['upgraded', 77]]);
  });

  it('rejects the operations that wait for it, and names the new primary', async () => {
    const { operations, replaced } = operated();
    const upgraded = operations.upgrade();
    const waiting = [operations.reload(1), operations.scale(5), operations.upgrade()];
    for (const each of waiting) each.catch(() => {});
    await upgraded;
    for (const each of waiting) {
      await expect(each).rejects.toMatchObject({
        code: 'ERR_LIMPET_CLOSED',
        message: 'process 77 has taken over from this router, which closes. Ask that process.',
        facts: { successor: 77 },
      });
    }
    expect(replaced).toEqual([]);
    expect(scaleTo).not.toHaveBeenCalled();
  });

  it('that fails rejects no other operation, and emits nothing', async () => {
    const { operations, handOver, events } = operated();
    const error = new Error('the new primary did not take over');
    handOver.mockRejectedValueOnce(error);
    await expect(operations.upgrade()).rejects.toBe(error);
    expect(events).toEqual([]);
    await operations.scale(4);
    expect(await operations.upgrade()).toBe(77);
  });
});

it('operations that have not begun reject when the router closes, and the first error counts', async () => {
  const { operations, replaced } = operated([{ number: 0 }]);
  const running = operations.reload(1);
  const waiting = operations.scale(5);
  waiting.catch(() => {});
  await settled();
  const closed = closedError();
  operations.end(closed);
  operations.end(new Error('later'));
  replaced[0]?.resolve();
  await running;
  await expect(waiting).rejects.toBe(closed);
});
