import { describe, expect, it } from 'vitest';
import { RestartBackoff } from '../../../../src/cluster/primary/pool/restart-backoff.ts';

const exitAfter = (backoff: RestartBackoff, livedMs: number) =>
  backoff.recordExit({ livedMs, pid: 7, reason: 'exited with code 1', cause: 'exit' }, 5000);

function exitTimes(backoff: RestartBackoff, times: number, livedMs = 1): void {
  for (let i = 0; i < times; i++) exitAfter(backoff, livedMs);
}

describe('the backoff of a slot', () => {
  it('is 0, then 100 ms, then twice as long each time, up to 10 s', () => {
    const backoff = new RestartBackoff();
    const delays = Array.from({ length: 20 }, () => exitAfter(backoff, 50).delayMs);
    expect(delays).toEqual([
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
  });

  it('reports a crash loop once, at the eighth short life in a row', () => {
    const backoff = new RestartBackoff();
    const loops = Array.from({ length: 20 }, () => exitAfter(backoff, 50).crashLoop);
    expect(loops.flatMap((crashLoop, i) => (crashLoop ? [i] : []))).toEqual([7]);
  });

  it('begins again after a process that lived for a minute', () => {
    const backoff = new RestartBackoff();
    exitTimes(backoff, 10);
    expect(exitAfter(backoff, 59_999).delayMs).toBe(10_000);
    expect(backoff.shortLives).toBe(11);
    expect(exitAfter(backoff, 60_000)).toEqual({ delayMs: 0, crashLoop: false });
    expect(backoff.shortLives).toBe(1);
    expect(exitAfter(backoff, 1).delayMs).toBe(100);
  });

  it('begins again after a reload', () => {
    const backoff = new RestartBackoff();
    exitTimes(backoff, 10);
    backoff.reset();
    expect(backoff.shortLives).toBe(0);
    expect(exitAfter(backoff, 1).delayMs).toBe(0);
  });

  it('reports a second crash loop after a reload', () => {
    const backoff = new RestartBackoff();
    exitTimes(backoff, 8);
    backoff.reset();
    exitTimes(backoff, 7);
    expect(exitAfter(backoff, 1).crashLoop).toBe(true);
  });

  it('keeps the last 20 restarts with their reasons, and counts all of them', () => {
    const backoff = new RestartBackoff();
    for (let i = 0; i < 25; i++)
      backoff.recordExit({ livedMs: 1, pid: i, reason: `reason ${i}`, cause: 'signal' }, i);
    expect(backoff.count).toBe(25);
    expect(backoff.restarts.map(({ at }) => at)).toEqual(Array.from({ length: 20 }, (_, i) => i + 5));
    expect(backoff.restarts[0]).toEqual({ at: 5, pid: 5, reason: 'reason 5', cause: 'signal' });
    expect(backoff.restarts.at(-1)).toEqual({ at: 24, pid: 24, reason: 'reason 24', cause: 'signal' });
  });

  it('counts new processes by cause. A reload is no restart', () => {
    const backoff = new RestartBackoff();
    expect(backoff.byCause).toEqual({});
    exitTimes(backoff, 2);
    backoff.recordExit({ livedMs: 1, pid: 8, reason: 'its server was closed', cause: 'left' }, 5000);
    backoff.countRestart('reload');
    expect(backoff.byCause).toEqual({ exit: 2, left: 1, reload: 1 });
    expect([backoff.count, backoff.restarts.length]).toEqual([3, 3]);
  });
});
