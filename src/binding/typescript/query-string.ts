/** Query parameters. A parameter that the worker could read differently yields nothing. */

/**
 * The raw value of the parameter `name` in a request target, as Latin-1 characters. The query is between `?` and `#`, and `&` separates the
 * pairs. Names are compared after decoding. Undefined if the parameter is absent or empty, or if there are several: parsers differ in
 * which one they take.
 */
export function findQueryParameter(target: string, name: string): string | undefined {
  const [beforeFragment = ''] = target.split('#', 1);
  const question = beforeFragment.indexOf('?');
  if (question < 0) return undefined;
  let found: string | undefined;
  for (const pair of beforeFragment.slice(question + 1).split('&')) {
    const equals = pair.indexOf('=');
    if (decodeQueryText(equals < 0 ? pair : pair.slice(0, equals)) !== name) continue;
    if (found !== undefined) return undefined;
    found = equals < 0 ? '' : pair.slice(equals + 1);
  }
  return found === '' ? undefined : found;
}

/** Decodes %XX and +, to bytes as Latin-1 characters. A `%` without two hexadecimal digits after it stays as it is. */
export function decodeQueryText(raw: string): string {
  if (!/[%+]/.test(raw)) return raw;
  return raw
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}
