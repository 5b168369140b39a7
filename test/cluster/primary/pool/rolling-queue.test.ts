import { describe, expect, it } from 'vitest';
import { RollingQueue } from '../../../../src/cluster/primary/pool/rolling-queue.ts';
import { outcomeOf, settle } from './fakes.ts';

/** Work on slots that ends when the test says so. */
class Work {
  readonly begun: number[] = [];
  readonly #running: Map<number, { resolve: () => void; reject: (error: Error) => void }> = new Map();

  readonly on = (slot: number): Promise<void> => {
    this.begun.push(slot);
    return new Promise((resolve, reject) => this.#running.set(slot, { resolve, reject }));
  };

  async finish(slot: number): Promise<void> {
    this.#running.get(slot)?.resolve();
    await settle();
  }

  async fail(slot: number, error: Error): Promise<void> {
    this.#running.get(slot)?.reject(error);
    await settle();
  }
}

describe('a round', () => {
  it('works on one slot after the other', async () => {
    const work = new Work();
    const round = outcomeOf(new RollingQueue().run(() => [0, 1, 2], 1, work.on));
    await settle();
    expect(work.begun).toEqual([0]);
    await work.finish(0);
    expect(work.begun).toEqual([0, 1]);
    await work.finish(1);
    expect(round).toEqual({});
    await work.finish(2);
    expect([work.begun, round.value]).toEqual([[0, 1, 2], 'done']);
  });

  it('works on as many slots at a time as it is told', async () => {
    const work = new Work();
    const round = outcomeOf(new RollingQueue().run(() => [0, 1, 2, 3], 2, work.on));
    await settle();
    expect(work.begun).toEqual([0, 1]);
    await work.finish(1);
    expect(work.begun).toEqual([0, 1, 2]);
    await work.finish(2);
    await work.finish(0);
    await work.finish(3);
    expect([work.begun, round.value]).toEqual([[0, 1, 2, 3], 'done']);
  });

  it('with more workers than slots works on each slot once', async () => {
    const work = new Work();
    const round = outcomeOf(new RollingQueue().run(() => [0, 1], 8, work.on));
    await settle();
    expect(work.begun).toEqual([0, 1]);
    await work.finish(0);
    await work.finish(1);
    expect(round.value).toBe('done');
  });

  it('without slots is done at once', async () => {
    await expect(new RollingQueue().run(() => [], 2, new Work().on)).resolves.toBeUndefined();
  });

  it('does not change the list that it was given', async () => {
    const slots = [0, 1];
    await new RollingQueue().run(
      () => slots,
      1,
      async () => {},
    );
    expect(slots).toEqual([0, 1]);
  });
});

describe('a failure', () => {
  it('ends the round: no further slot is begun', async () => {
    const work = new Work();
    const error = new Error('slot 0');
    const round = outcomeOf(new RollingQueue().run(() => [0, 1, 2], 1, work.on));
    await settle();
    await work.fail(0, error);
    expect([work.begun, round.value]).toEqual([[0], error]);
  });

  it('is reported when the work on other slots has ended, too', async () => {
    const work = new Work();
    const error = new Error('slot 1');
    const round = outcomeOf(new RollingQueue().run(() => [0, 1, 2, 3], 2, work.on));
    await settle();
    await work.fail(1, error);
    expect(round).toEqual({});
    await work.finish(0);
    expect([work.begun, round.value]).toEqual([[0, 1], error]);
  });

  it('of work that throws at once is a failure like any other', async () => {
    const error = new Error('at once');
    const round = new RollingQueue().run(
      () => [0, 1],
      1,
      () => {
        throw error;
      },
    );
    await expect(round).rejects.toBe(error);
  });

  it('when the slots are listed rejects the round', async () => {
    const error = new Error('no slots');
    const round = new RollingQueue().run(
      () => {
        throw error;
      },
      1,
      async () => {},
    );
    await expect(round).rejects.toBe(error);
  });

  it('does not concern the next round', async () => {
    const work = new Work();
    const queue = new RollingQueue();
    outcomeOf(queue.run(() => [0], 1, work.on));
    const next = outcomeOf(queue.run(() => [1], 1, work.on));
    await settle();
    await work.fail(0, new Error('slot 0'));
    expect(work.begun).toEqual([0, 1]);
    await work.finish(1);
    expect(next.value).toBe('done');
  });
});

describe('a second round', () => {
  it('begins when the first one has ended, with the slots of that moment', async () => {
    const work = new Work();
    const queue = new RollingQueue();
    let slots = [1, 2];
    outcomeOf(queue.run(() => [0], 1, work.on));
    outcomeOf(queue.run(() => slots, 1, work.on));
    await settle();
    expect(work.begun).toEqual([0]);
    slots = [5];
    await work.finish(0);
    expect(work.begun).toEqual([0, 5]);
  });
});

describe('end()', () => {
  it('rejects rounds that have not begun and lets the present one finish', async () => {
    const work = new Work();
    const queue = new RollingQueue();
    const error = new Error('closed');
    const first = outcomeOf(queue.run(() => [0, 1], 1, work.on));
    const second = outcomeOf(queue.run(() => [2], 1, work.on));
    await settle();
    queue.end(error);
    await work.finish(0);
    await work.finish(1);
    expect([work.begun, first.value, second.value]).toEqual([[0, 1], 'done', error]);
    await expect(queue.run(() => [3], 1, work.on)).rejects.toBe(error);
  });

  it('keeps the error of the first call', async () => {
    const queue = new RollingQueue();
    const error = new Error('taken over');
    queue.end(error);
    queue.end(new Error('closed'));
    await expect(queue.run(() => [0], 1, new Work().on)).rejects.toBe(error);
  });
});
