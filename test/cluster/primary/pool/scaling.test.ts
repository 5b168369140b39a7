import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { scaleTo } from '../../../../src/cluster/primary/pool/scaling.ts';
import type { WorkerPool } from '../../../../src/cluster/primary/pool/worker-pool.ts';
import type { RouterEvents } from '../../../../src/cluster/primary/router-events.ts';
import { LimpetError } from '../../../../src/errors.ts';
import { SlotRing } from '../../../../src/ring/slot-ring.ts';
import { outcomeOf, settle } from './fakes.ts';

/** A router of two slots. `log` has what scaling asked of its parts, in order. `failing` are the calls that reject. */
function router(pids: readonly number[] = [100, 101]) {
  const log: string[] = [];
  const failing = new Map<string, Error>();
  const events = new EventEmitter<RouterEvents>();
  const ring = new SlotRing({ slots: 2, key: Buffer.from('limpets!') });
  const call = (text: string) => {
    log.push(text);
    const error = failing.get(text);
    if (error) throw error;
  };
  const pool = {
    supervisor: {
      workers: () => pids.map((pid) => ({ pid })),
      start: (count: number) => call(`start ${count}`),
      retire: (count: number) => call(`retire ${count}`),
    },
    assignment: {
      giveNotice: async (first: number) => call(`give notice from ${first}`),
      resize: (slots: number) => call(`resize to ${slots}`),
    },
  } as unknown as WorkerPool;
  const listeners = { openDirectPorts: async (slots: number) => call(`open ${slots} direct ports`) };
  const scale = (workers: number) => outcomeOf(scaleTo(workers, events, ring, pool, listeners));
  const listening = () => events.listenerCount('ready') + events.listenerCount('gone');
  return { log, failing, events, scale, listening };
}

describe('scaling up', () => {
  it('resizes the ring when all new slots have a ready process', async () => {
    const { log, events, scale, listening } = router();
    const outcome = scale(4);
    await settle();
    expect(log).toEqual(['open 4 direct ports', 'start 4']);
    events.emit('ready', 3, 103);
    events.emit('ready', 3, 103);
    await settle();
    expect([outcome, log.length]).toEqual([{}, 2]);
    events.emit('ready', 2, 102);
    await settle();
    expect([outcome.value, log]).toEqual(['done', ['open 4 direct ports', 'start 4', 'resize to 4']]);
    expect(listening()).toBe(0);
  });

  it('ignores what happens in the other slots', async () => {
    const { log, events, scale } = router();
    const outcome = scale(3);
    await settle();
    events.emit('gone', 0, 100, 'exited with code 4');
    events.emit('ready', 0, 105);
    events.emit('gone', 0, 105, 'exited with code 4');
    await settle();
    expect([outcome, log]).toEqual([{}, ['open 3 direct ports', 'start 3']]);
  });

  it('takes the new slots away again if a process of one ends before it is ready', async () => {
    const { log, events, scale } = router();
    const outcome = scale(4);
    await settle();
    events.emit('ready', 2, 102);
    events.emit('gone', 3, 103, 'exited with code 4');
    await settle();
    expect(outcome.value).toMatchObject({
      code: 'ERR_LIMPET_WORKER_START',
      facts: { slot: 3, reason: 'exited with code 4' },
    });
    expect((outcome.value as LimpetError).message).toMatch(
      /^the worker of the new slot 3 did not become ready/,
    );
    expect(log).toEqual(['open 4 direct ports', 'start 4', 'retire 2', 'open 2 direct ports']);
  });

  it('reports a failure once: what comes later changes nothing', async () => {
    const { log, events, scale, listening } = router();
    const outcome = scale(3);
    await settle();
    events.emit('gone', 2, 102, 'first');
    expect(listening()).toBe(0);
    events.emit('gone', 2, 103, 'second');
    events.emit('ready', 2, 104);
    await settle();
    expect(outcome.value).toMatchObject({ facts: { reason: 'first' } });
    expect(log).not.toContain('resize to 3');
  });

  it('ignores the end of a process that still drained since an earlier scaling down', async () => {
    const { events, scale } = router([100, 101, 90]);
    const outcome = scale(3);
    await settle();
    events.emit('gone', 2, 90, 'exited with code 0');
    await settle();
    expect(outcome).toEqual({});
    events.emit('ready', 2, 102);
    await settle();
    expect(outcome.value).toBe('done');
  });

  it('starts nothing if a direct port cannot be opened', async () => {
    const { log, failing, scale } = router();
    const error = new LimpetError('ERR_LIMPET_ADDRESS_IN_USE', 'port 4002 is in use');
    failing.set('open 3 direct ports', error);
    const outcome = scale(3);
    await settle();
    expect([outcome.value, log]).toEqual([error, ['open 3 direct ports']]);
  });
});

describe('scaling down', () => {
  it('gives notice, moves the clients, closes the direct ports and then drains, in this order', async () => {
    const { log, scale, listening } = router();
    const outcome = scale(1);
    await settle();
    expect([outcome.value, log]).toEqual([
      'done',
      ['give notice from 1', 'resize to 1', 'open 1 direct ports', 'retire 1'],
    ]);
    expect(listening()).toBe(0);
  });
});

it('scaling to the present number changes nothing', async () => {
  const { log, scale } = router();
  const outcome = scale(2);
  await settle();
  expect([outcome.value, log]).toEqual(['done', []]);
});
