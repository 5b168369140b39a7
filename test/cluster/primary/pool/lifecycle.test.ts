import { describe, expect, it } from 'vitest';
import { Lifecycle, RestartBackoff, type SlotState } from '../../../../src/cluster/primary/pool/lifecycle.ts';

const states: readonly SlotState[] = ['starting', 'ready', 'draining', 'gone'];
/** Every transition that there is; docs/cluster.md draws them. */
const transitions = new Set([
  'starting ready',
  'starting draining',
  'starting gone',
  'ready draining',
  'ready gone',
  'draining gone',
]);
/** How a process gets into each state. */
const waysTo: Record<SlotState, readonly SlotState[]> = {
  starting: [],
  ready: ['ready'],
  draining: ['ready', 'draining'],
  gone: ['ready', 'draining', 'gone'],
};

function lifeIn(state: SlotState): Lifecycle {
  const life = new Lifecycle(1000);
  waysTo[state].forEach((to, step) => {
    life.move(to, `step ${step}`, 2000 + step);
  });
  return life;
}

describe('a process in a slot', () => {
  it('starts when it is forked', () => {
    expect(lifeIn('starting')).toMatchObject({
      state: 'starting',
      reason: 'forked',
      since: 1000,
      startedAt: 1000,
    });
  });

  for (const from of states) {
    for (const to of states) {
      const possible = transitions.has(`${from} ${to}`);
      it(`${from} → ${to}: ${possible ? 'with reason and time' : 'never, and nothing changes'}`, () => {
        const life = lifeIn(from);
        const before = { state: life.state, reason: life.reason, since: life.since };
        expect(life.move(to, 'because', 9000)).toBe(possible);
        expect(life).toMatchObject(possible ? { state: to, reason: 'because', since: 9000 } : before);
        expect(life.startedAt).toBe(1000);
      });
    }
  }
});

describe('respawn', () => {
  const died = (respawn: RestartBackoff, startedAt: number, now: number) =>
    respawn.died({ startedAt, pid: 7, reason: 'exited with code 1', cause: 'exit' }, now);

  it('at once, then 100 ms doubling to 10 s; a crash loop is told once', () => {
    const respawn = new RestartBackoff();
    const deaths = Array.from({ length: 20 }, (_, i) => died(respawn, i * 100, i * 100 + 50));
    expect(deaths.map(({ delayMs }) => delayMs)).toEqual([
      0,
      100,
      200,
      400,
      800,
      1600,
      3200,
      6400,
      ...Array.from({ length: 12 }, () => 10_000),
    ]);
    expect(deaths.map(({ crashLoop }) => crashLoop).indexOf(true)).toBe(7);
    expect(deaths.filter(({ crashLoop }) => crashLoop)).toHaveLength(1);
  });

  it('a process that lived for a minute ends the row', () => {
    const respawn = new RestartBackoff();
    for (let i = 0; i < 10; i++) died(respawn, i, i + 1);
    expect(died(respawn, 100, 59_999 + 100).delayMs).toBe(10_000);
    expect(died(respawn, 100, 60_000 + 100)).toEqual({ delayMs: 0, crashLoop: false });
    expect(died(respawn, 70_000, 70_001).delayMs).toBe(100);
  });

  it('a reload forgives', () => {
    const respawn = new RestartBackoff();
    for (let i = 0; i < 10; i++) died(respawn, i, i + 1);
    respawn.reset();
    expect(died(respawn, 100, 101).delayMs).toBe(0);
  });

  it('keeps the last twenty restarts with their reasons, and counts all', () => {
    const respawn = new RestartBackoff();
    for (let i = 0; i < 25; i++)
      respawn.died({ startedAt: i, pid: i, reason: `reason ${i}`, cause: 'signal' }, i);
    expect(respawn.count).toBe(25);
    expect(respawn.restarts).toHaveLength(20);
    expect(respawn.restarts[0]).toEqual({ at: 5, pid: 5, reason: 'reason 5', cause: 'signal' });
    expect(respawn.restarts.at(-1)).toEqual({ at: 24, pid: 24, reason: 'reason 24', cause: 'signal' });
  });
});
