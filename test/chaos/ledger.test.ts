import { describe, expect, it } from 'vitest';
import { SlotRing } from '../../src/ring/slot-ring.ts';
import type { Visit } from './clients.ts';
import { judge } from './ledger.ts';
import { type SlotEvent, Timeline } from './timeline.ts';

const ring = (slots: number) => new SlotRing({ slots, key: Buffer.from('limpets!') });
const from = '127.1.2.3';
const home = ring(2).homeOfAddress(from);
const other = 1 - home;

/** Process 10 serves the client's home and process 11 the other slot. 10 was killed at 5000, and 12 replaced it at 6000. */
const events: SlotEvent[] = [
  { event: 'ready', slot: home, pid: 10, reason: '', at: 100 },
  { event: 'ready', slot: other, pid: 11, reason: '', at: 100 },
  { event: 'gone', slot: home, pid: 10, reason: 'killed by SIGKILL', at: 5000 },
  { event: 'ready', slot: home, pid: 12, reason: '', at: 6000 },
];
const timeline = new Timeline(events, [{ slots: 2, from: 0, to: Number.POSITIVE_INFINITY }], ring);

const visit = (at: number, changes: Partial<Visit> = {}): Visit => ({
  kind: 'short',
  from,
  startedAt: at,
  placedAt: at + 5,
  endedAt: at + 10,
  heard: true,
  asked: [{ what: '1/0', answer: { slot: home, pid: 10 } }],
  ...changes,
});
const unanswered: Partial<Visit> = { asked: [{ what: '1/0' }], heard: false, failure: 'read ECONNRESET' };
const served = (...pids: number[]) => new Map([['1/0', pids]]);
const violationsOf = (one: Visit, by = served(10)) => judge([one], by, timeline).violations;

describe('the judgement of a run', () => {
  it('finds no violation if clients and workers wrote down the same', () => {
    expect(judge([visit(1000)], served(10), timeline)).toEqual({
      violations: [],
      connections: 1,
      requests: 1,
      lostNew: 0,
      cut: 0,
      closedByDrain: 0,
    });
  });

  it('finds a client that another slot served while its home was up', () => {
    const elsewhere = { asked: [{ what: '1/0', answer: { slot: other, pid: 11 } }] };
    expect(violationsOf(visit(1000, elsewhere), served(11))).toMatchObject([
      expect.stringMatching(`was served by slot ${other}`),
    ]);
    expect(violationsOf(visit(5500, elsewhere), served(11))).toEqual([]);
    expect(violationsOf(visit(7000, elsewhere), served(11))).toHaveLength(1);
  });

  it('allows a primary that has handed over to place a late connection by the state of its own processes', () => {
    const by = (primary: number) => (pid: number, slot: number, at: number) =>
      ({ event: 'ready', slot, pid, reason: '', at, primary }) as const;
    const [old, next] = [by(1), by(2)];
    const told: SlotEvent[] = [
      old(10, home, 100),
      old(11, other, 100),
      next(20, home, 1000),
      next(21, other, 1000),
      { event: 'gone', slot: home, pid: 10, reason: 'killed by SIGKILL', at: 1300, primary: 1 },
    ];
    const sizes = [{ slots: 2, from: 0, to: Number.POSITIVE_INFINITY }];
    const handed = new Timeline(told, sizes, ring, [{ pid: 1, at: 1050 }]);
    const elsewhere = { asked: [{ what: '1/0', answer: { slot: other, pid: 11 } }] };
    const wrong = (at: number, placedAt: number) =>
      judge([visit(at, { ...elsewhere, placedAt })], served(11), handed).violations.length;
    // The connection was accepted before the handover and placed after the old process had died.
    expect(wrong(1040, 1400)).toBe(0);
    expect(wrong(1060, 1400)).toBe(1);
    expect(wrong(900, 950)).toBe(1);
  });

  it('finds a new connection that was refused while no process died', () => {
    expect(violationsOf(visit(1000, unanswered), new Map())).toMatchObject([
      expect.stringMatching('was refused or reset'),
    ]);
    expect(judge([visit(4995, unanswered)], new Map(), timeline)).toMatchObject({
      violations: [],
      lostNew: 1,
    });
    expect(judge([visit(4995, unanswered)], served(10), timeline)).toMatchObject({
      violations: [],
      lostNew: 1,
    });
  });

  it('finds a connection that a living process cut, or that no process answered', () => {
    expect(violationsOf(visit(7000, { ...unanswered, heard: true }), served(11))).toHaveLength(2);
    expect(violationsOf(visit(4995, { ...unanswered, failure: 'no answer' }), new Map())).toHaveLength(1);
  });

  it('finds a request that two processes served, that one served and another answered, or that no client made', () => {
    expect(violationsOf(visit(1000), served(10, 11))[0]).toMatch('was served by 10 and 11');
    expect(violationsOf(visit(1000), served(11))[0]).toMatch('did not write it down');
    expect(judge([], served(10), timeline).violations).toEqual(['10 served 1/0, which no client asked for']);
  });
});
