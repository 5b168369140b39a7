/** Measures the time of single calls with the package benchmark, in interleaved rounds. */
import Benchmark from 'benchmark';
import { interleave, median, spread } from '../rounds.js';

/**
 * The time of one call, or of one item if a call handles several.
 * @typedef {{ task: string, subject: string, ns: number, spread: number }} Row
 */

/** Keeps the last result, so that the compiler cannot optimize a call away. */
const sink = { last: undefined };

/**
 * Measures subjects that do the same task, each in every round. The result is the median of the rounds.
 * @param {import('../parts.js').Run} run
 * @param {string} task the task, in words
 * @param {Record<string, () => unknown>} subjects name → one call
 * @param {number} [items] how many items one call handles
 * @returns {Row[]} in the order of `subjects`
 */
export function measure({ rounds, scale, say }, task, subjects, items = 1) {
  const samples = Object.fromEntries(Object.keys(subjects).map((name) => [name, []]));
  for (const { entry } of interleave(Object.keys(subjects), rounds)) {
    samples[entry].push((secondsOf(subjects[entry], scale) * 1e9) / items);
  }
  return Object.entries(samples).map(([subject, times]) => {
    const row = { task, subject, ns: median(times), spread: spread(times) };
    const speed = (1000 / row.ns).toFixed(row.ns < 10 ? 0 : 2);
    say(
      `${task.padEnd(32)} ${subject.padEnd(30)} ${row.ns.toFixed(row.ns < 100 ? 2 : 0).padStart(8)} ns, ${speed} M/s`,
    );
    return row;
  });
}

/** The mean time of one call. */
function secondsOf(call, scale) {
  const bench = new Benchmark({
    fn: () => {
      sink.last = call();
    },
    maxTime: 0.5 * scale,
    minSamples: 5,
  });
  bench.run();
  if (bench.error) throw bench.error;
  return bench.stats.mean;
}
