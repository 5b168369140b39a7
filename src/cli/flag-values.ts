/** Reads the text of a flag or of a variable. */
import { InvalidArgumentError } from 'commander';

/** Reads a whole number from 1. Throws commander's error, which names the flag. */
export function readWholeNumber(text: string): number {
  if (/^[1-9]\d{0,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number from 1.');
}

/** Reads a number of workers, or 'max'. The router checks the range. Throws commander's error. */
export function readWorkerCount(text: string): number | 'max' {
  if (text === 'max') return 'max';
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number from 1 to 256, or 'max'.");
}

/** Returns the number, or the text if it is not a number. The rule of the option then rejects it. */
export function readNumber(text: string): unknown {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/** Reads `cookie,header:x-user,address`, a list of rules with commas, or JSON. */
export function readAffinity(text: string): unknown {
  if (/^\s*[[{]/.test(text)) {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
  const rules = text.split(',').map((rule) => {
    const [, by, name] = /^\s*(header|query|cookie):(.+?)\s*$/.exec(rule) ?? [];
    return by === undefined ? rule.trim() : { [by]: name };
  });
  return rules.length === 1 ? rules[0] : rules;
}

/** Reads `9100`, `0.0.0.0:9100` or `[::]:9100`. Undefined if the value has another form. */
export function hostAndPort(value: unknown): { host?: string; port: number } | undefined {
  const [, , ipv6, name, digits] =
    /^((?:\[([0-9a-fA-F:.]+)\]|([^:[\]/\s]+)):)?(\d+)$/.exec(String(value)) ?? [];
  if (digits === undefined || Number(digits) > 65_535) return undefined;
  const host = ipv6 ?? name;
  return { ...(host === undefined ? {} : { host }), port: Number(digits) };
}
