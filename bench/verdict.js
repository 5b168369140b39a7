import { median } from './rounds.js';

/** A smaller change is not reported. */
const changeMin = 0.02;

/**
 * Compares the rounds of both versions.
 *
 * A difference counts if the median ratio differs from 1 by more than 2 %, and if at least six of seven rounds are on the same side. This is a
 * sign test: with 7 rounds, chance alone gives six on one side once in 8 runs. With the 2 %, that is even less frequent.
 * @param {{ base: object, here: object }[]} rounds of measurements with `perSecond`, `cpu` and `p99`
 * @returns {{ text: string, worse: boolean }}
 */
export function verdict(rounds) {
  const judged = [
    judge('rate', rounds, ({ perSecond }) => perSecond, 1),
    judge('CPU', rounds, ({ cpu }) => cpu, -1),
    judge('p99', rounds, ({ p99 }) => p99, -1),
  ];
  const worse = judged.some((one) => one.name !== 'p99' && one.direction < 0);
  const better = judged.some((one) => one.name !== 'p99' && one.direction > 0);
  const word = worse ? 'SLOWER' : better ? 'faster' : 'no significant difference';
  return { text: `${word} (${judged.map(({ text }) => text).join(', ')})`, worse };
}

/** `good` is 1 if more is better, and -1 if less is better. */
function judge(name, rounds, figure, good) {
  const ratios = rounds.map(({ base, here }) => figure(here) / figure(base));
  const middle = median(ratios);
  const above = ratios.filter((ratio) => ratio > 1).length;
  const agreeing = Math.max(above, ratios.length - above);
  const sure = Math.abs(middle - 1) > changeMin && agreeing >= ratios.length - Math.floor(ratios.length / 7);
  const range = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
  return {
    name,
    text: `${name} × ${middle.toFixed(3)}, rounds ${range}`,
    direction: sure ? Math.sign(middle - 1) * good : 0,
  };
}
