import { LimpetError } from './errors.js';

/** The rule of one option. `expected` completes "expected …" in the error message. */
export interface Rule {
  readonly expected: string;
  readonly ok: (value: unknown) => boolean;
  readonly fallback?: unknown;
}

export const integer = (from: number, to: number, fallback: number, unit = ''): Rule => ({
  expected: `a whole number from ${from} to ${to}${unit}`,
  ok: (v) => Number.isInteger(v) && (v as number) >= from && (v as number) <= to,
  fallback,
});
export const oneOf = (values: readonly unknown[], fallback: unknown): Rule => ({
  expected: `one of ${values.map((v) => JSON.stringify(v)).join(', ')}`,
  ok: (v) => values.includes(v),
  fallback,
});
export const text: Rule = {
  expected: 'a string that is not empty',
  ok: (v) => typeof v === 'string' && v !== '',
};
export const texts: Rule = {
  expected: 'a list of strings',
  ok: (v) => Array.isArray(v) && v.every((item) => typeof item === 'string'),
};
export const yesOrNo = (fallback: boolean): Rule => ({
  expected: 'true or false',
  ok: (v) => typeof v === 'boolean',
  fallback,
});
export const milliseconds = (fallback: number): Rule => integer(0, 86_400_000, fallback, ' (milliseconds)');

export const trustRule: Rule = {
  expected: 'a string or a list of strings',
  ok: (v) => typeof v === 'string' || texts.ok(v),
};

/** Returns the given options, with the default for each option that is missing. Throws ERR_LIMPET_OPTION for an unknown or a wrong option. */
export function check(
  given: Record<string, unknown>,
  rules: Record<string, Rule>,
  what: string,
): Record<string, unknown> {
  for (const name of Object.keys(given))
    if (!Object.hasOwn(rules, name)) throw unknownOption(name, Object.keys(rules), what);
  const checked: Record<string, unknown> = {};
  for (const [name, rule] of Object.entries(rules)) {
    const value = given[name];
    if (value !== undefined && !rule.ok(value)) throw badOption(name, value, rule, what);
    checked[name] = value ?? rule.fallback;
  }
  return checked;
}

/** The error for an unknown option. It names the most similar known option, or all of them. */
export function unknownOption(name: string, known: readonly string[], what: string): LimpetError {
  const likely = known
    .map((option) => ({ option, distance: editDistance(name.toLowerCase(), option.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  const spelling =
    likely && likely.distance <= Math.max(2, name.length / 3)
      ? `Did you mean ${likely.option}?`
      : `Expected one of ${known.join(', ')}.`;
  return new LimpetError('ERR_LIMPET_OPTION', `${what} ${name} is not known. ${spelling}`, {
    option: name,
    likely: likely?.option,
  });
}

function badOption(name: string, value: unknown, rule: Rule, what: string): LimpetError {
  const shown =
    name === 'secret'
      ? 'a string that is too short, or another type'
      : (JSON.stringify(value) ?? String(value));
  return new LimpetError('ERR_LIMPET_OPTION', `${what} ${name}: got ${shown}, expected ${rule.expected}.`, {
    option: name,
    ...(name === 'secret' ? {} : { value }),
    expected: rule.expected,
  });
}

/** The Levenshtein distance. Names are short, so one row of the matrix at a time is fast enough. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
