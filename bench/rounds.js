/** Statistics over rounds, and the order in which rounds are run. */

/** @param {number[]} values at least one */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Rounds that lie further apart than this allow no conclusion from one subject alone. */
export const spreadMax = 0.2;

/** How far the rounds lie apart: the range over the median; 0 for a single round. */
export function spread(values) {
  const middle = median(values);
  return middle === 0 ? 0 : (Math.max(...values) - Math.min(...values)) / middle;
}

/**
 * Every entry once a round. Each round begins with another entry, so that none always follows the same one.
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
 * Medians and spreads of measurements with the same members. Members that are lists of [share, value] pairs get the median of
 * each value.
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
 * The median of the ratios that two subjects had in the same round: drift of the machine cancels out.
 * @param {number[]} ones
 * @param {number[]} others of the same rounds
 */
export function ratio(ones, others) {
  return median(ones.map((one, round) => one / others[round]));
}
