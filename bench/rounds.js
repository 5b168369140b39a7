/** Statistics over rounds, and the order of the rounds. */

/** @param {number[]} values at least one value */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** If the rounds of a subject differ by more than this, its figure alone allows no conclusion. */
export const spreadMax = 0.2;

/** How much the rounds differ: the range divided by the median; 0 for a single round. */
export function spread(values) {
  const middle = median(values);
  return middle === 0 ? 0 : (Math.max(...values) - Math.min(...values)) / middle;
}

/**
 * Yields every entry once in each round. Each round begins with another entry.
 * @template T
 * @param {T[]} entries
 * @param {number} rounds
 * @returns {Generator<{ round: number, entry: T }>}
 */
export function* interleave(entries, rounds) {
  for (let round = 0; round < rounds; round++) {
    const start = Math.floor((round * entries.length) / rounds);
    for (let i = 0; i < entries.length; i++) {
      yield { round, entry: entries[(start + i) % entries.length] };
    }
  }
}

/**
 * Medians and spreads of measurements with the same members. If a member is a list of [share, value] pairs, each value gets its
 * median.
 * @param {Record<string, number | [number, number][]>[]} measurements
 */
export function summary(measurements) {
  const names = Object.keys(measurements[0]);
  const scalars = names.filter((name) => typeof measurements[0][name] === 'number');
  const of = (name) => measurements.map((one) => one[name]);
  const lists = names
    .filter((name) => Array.isArray(measurements[0][name]))
    .map((name) => [
      name,
      measurements[0][name].map(([share], i) => [share, median(measurements.map((one) => one[name][i][1]))]),
    ]);
  return {
    median: {
      ...Object.fromEntries(scalars.map((name) => [name, median(of(name))])),
      ...Object.fromEntries(lists),
    },
    spread: Object.fromEntries(scalars.map((name) => [name, spread(of(name))])),
  };
}

/**
 * The median of the ratios of two subjects in the same round. So the drift of the machine cancels out.
 * @param {number[]} ones
 * @param {number[]} others of the same rounds
 */
export function ratio(ones, others) {
  return median(ones.map((one, round) => one / others[round]));
}
