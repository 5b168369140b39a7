import { LimpetError } from './errors.js';

/** What an option may be; `expected` completes "expected …" in the error. */
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
  expected: 'a text that is not empty',
  ok: (v) => typeof v === 'string' && v !== '',
};
export const texts: Rule = {
  expected: 'a list of texts',
  ok: (v) => Array.isArray(v) && v.every((item) => typeof item === 'string'),
};
export const yesOrNo = (fallback: boolean): Rule => ({
  expected: 'true or false',
  ok: (v) => typeof v === 'boolean',
  fallback,
});
export const milliseconds = (fallback: number): Rule => integer(0, 86_400_000, fallback, ' (milliseconds)');

export const trustRule: Rule = {
  expected: 'a text or a list of texts',
  ok: (v) => typeof v === 'string' || texts.ok(v),
};

/** The given options, with defaults for those left out. Throws ERR_LIMPET_OPTION for an unknown or a wrong one. */
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

/** An error that names what was probably meant. */
export function unknownOption(name: string, known: readonly string[], what: string): LimpetError {
  const likely = known
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  const spelling =
    likely && likely.distance <= Math.max(2, name.length / 3)
      ? `Did you mean ${likely.candidate}?`
      : `Known are ${known.join(', ')}.`;
  return new LimpetError('ERR_LIMPET_OPTION', `${what} ${name} is not known. ${spelling}`, {
    option: name,
    likely: likely?.candidate,
  });
}

function badOption(name: string, value: unknown, rule: Rule, what: string): LimpetError {
  const shown =
    name === 'secret' ? 'a text that is too short or no text' : (JSON.stringify(value) ?? String(value));
  return new LimpetError('ERR_LIMPET_OPTION', `${what} ${name}: got ${shown}, expected ${rule.expected}.`, {
    option: name,
    ...(name === 'secret' ? {} : { value }),
    expected: rule.expected,
  });
}

/** Levenshtein distance over one row; names are short. */
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
