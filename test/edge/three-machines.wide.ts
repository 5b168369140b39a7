import { expect, test } from 'vitest';
import { needs } from '../needs.ts';
import { playActs } from './three-machines.ts';

const trial = { clients: 30, thinkMs: 100, noticeMs: 1200, checkMs: 200 };
const acts = ['a machine drains', 'a machine dies'];

if (needs('haproxy') && needs('redis-server')) {
  // three-machines.soak.ts plays all acts, behind nginx too, with 1,000 clients.
  test('three machines move only the clients that must move, and lose no session', async () => {
    const played = await playActs('haproxy', { ...trial, only: acts });
    expect(played.sessionsLost).toBe(0);
    expect(played.acts.map(({ name }) => name)).toEqual(acts);
    for (const act of played.acts) {
      expect(act, act.name).toMatchObject({ astray: 0, needless: 0, socketsMoved: 0, undeserved: 0 });
      if (act.name === 'a machine drains') expect(act.failures).toEqual([]);
      expect(act.moved).toBe(act.optimum);
      expect(act.requests).toBeGreaterThan(trial.clients);
    }
  });
}
