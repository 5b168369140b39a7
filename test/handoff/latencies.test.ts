import { expect, test } from 'vitest';
import { addLatencies, countLatency, latencyBoundsMs, noLatencies } from '../../src/handoff/latencies.ts';

test('the bounds are those of the shared memory, in milliseconds', () => {
  expect(latencyBoundsMs).toEqual([0.1, 0.3, 1, 3, 10, 100, 1000]);
});

test('there is one count for each bound, and one for all that is longer', () => {
  expect(noLatencies()).toEqual({ counts: [0, 0, 0, 0, 0, 0, 0, 0], sumMs: 0 });
});

test('a latency counts for the first bound that it does not exceed', () => {
  const latencies = noLatencies();
  for (const ms of [0, 0.1, 0.11, 1, 1000, 1000.5, 99_999]) countLatency(latencies, ms);
  expect(latencies.counts).toEqual([2, 1, 1, 0, 0, 0, 1, 2]);
  expect(latencies.sumMs).toBeCloseTo(0 + 0.1 + 0.11 + 1 + 1000 + 1000.5 + 99_999);
});

test('latencies add up, and the added ones stay as they are', () => {
  const [into, more] = [noLatencies(), noLatencies()];
  countLatency(into, 2);
  countLatency(more, 2);
  countLatency(more, 5000);
  addLatencies(into, more);
  expect(into).toEqual({ counts: [0, 0, 0, 2, 0, 0, 0, 1], sumMs: 5004 });
  expect(more).toEqual({ counts: [0, 0, 0, 1, 0, 0, 0, 1], sumMs: 5002 });
});
