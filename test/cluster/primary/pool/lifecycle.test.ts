import { describe, expect, it } from 'vitest';
import { Lifecycle, type SlotState } from '../../../../src/cluster/primary/pool/lifecycle.ts';

const states: readonly SlotState[] = ['starting', 'ready', 'draining', 'gone'];
/** All transitions that exist. docs/cluster.md draws them. */
const transitions = new Set([
  'starting ready',
  'starting draining',
  'starting gone',
  'ready draining',
  'ready gone',
  'draining gone',
]);
/** The states through which a process gets into each state. */
const waysTo: Record<SlotState, readonly SlotState[]> = {
  starting: [],
  ready: ['ready'],
  draining: ['ready', 'draining'],
  gone: ['ready', 'draining', 'gone'],
};

function lifecycleIn(state: SlotState): Lifecycle {
  const lifecycle = new Lifecycle(1000);
  waysTo[state].forEach((to, step) => {
    lifecycle.move(to, `step ${step}`, 2000 + step);
  });
  return lifecycle;
}

describe('the lifecycle of a worker process', () => {
  it('begins with starting when the process is forked', () => {
    expect(lifecycleIn('starting')).toMatchObject({
      state: 'starting',
      reason: 'forked',
      since: 1000,
      startedAt: 1000,
    });
  });

  for (const from of states) {
    for (const to of states) {
      const exists = transitions.has(`${from} ${to}`);
      const outcome = exists ? 'sets state, reason and time' : 'is refused and changes nothing';
      it(`${from} → ${to} ${outcome}`, () => {
        const lifecycle = lifecycleIn(from);
        const before = { state: lifecycle.state, reason: lifecycle.reason, since: lifecycle.since };
        expect(lifecycle.move(to, 'because', 9000)).toBe(exists);
        expect(lifecycle).toMatchObject(exists ? { state: to, reason: 'because', since: 9000 } : before);
        expect(lifecycle.startedAt).toBe(1000);
      });
    }
  }
});
