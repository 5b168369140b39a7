import { median } from './rounds.js';

/** A change below this is not worth words. */
const worthSaying = 0.02;

/**
 * What rounds of base against here say about one figure.
 *
 * A difference counts when the median ratio is off by more than 2 % and all rounds but one in seven lie on the same side (a sign
 * test: with 7 rounds, chance alone does that once in 8; with the 2 % it is rarer still).
 * @param {{ base: object, here: object }[]} rounds of measurements with `perSecond`, `cpu` and `p99`
 * @returns {{ text: string, worse: boolean }}
 */
export function verdict(rounds) {
  const judged = [
    judge('as many a second', rounds, ({ perSecond }) => perSecond, 1),
    judge('CPU', rounds, ({ cpu }) => cpu, -1),
    judge('p99', rounds, ({ p99 }) => p99, -1),
  ];
  const worse = judged.some((one) => one.name !== 'p99' && one.direction < 0);
  const better = judged.some((one) => one.name !== 'p99' && one.direction > 0);
  const word = worse ? 'SLOWER' : better ? 'faster' : 'no difference that this run can tell';
  return { text: `${word} (${judged.map(({ text }) => text).join(', ')})`, worse };
}

/** `good` is 1 where more is better, -1 where less is. */
function judge(name, rounds, figure, good) {
  const ratios = rounds.map(({ base, here }) => figure(here) / figure(base));
  const middle = median(ratios);
  const above = ratios.filter((ratio) => ratio > 1).length;
  const agreeing = Math.max(above, ratios.length - above);
  const sure =
    Math.abs(middle - 1) > worthSaying && agreeing >= ratios.length - Math.floor(ratios.length / 7);
  const range = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
  return {
    name,
    text: `${name} × ${middle.toFixed(3)}, rounds ${range}`,
    direction: sure ? Math.sign(middle - 1) * good : 0,
  };
}
