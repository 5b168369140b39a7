/** Query parameters as a router may read them: what two readers could read differently is not read. */

/**
 * The raw value of the one parameter called `name` (bytes as Latin-1 characters) in a request target: between `?`
 * and `#`, pairs separated by `&`, names compared after decoding. Undefined when there is none, when it is empty, or
 * when there are several, since readers differ in which one they take.
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

/** %XX and + decoded, bytes as Latin-1 characters. A `%` that no two hexadecimal digits follow stands for itself. */
export function decodeQueryText(raw: string): string {
  if (!/[%+]/.test(raw)) return raw;
  return raw
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}
