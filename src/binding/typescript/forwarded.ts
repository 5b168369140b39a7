/** The client's address that trusted proxies write to X-Forwarded-For or Forwarded (RFC 7239). */
import type { ForwardedHeader, PackedPrefixes } from './affinity-chain.js';
import { containsAny, parseAddress } from './ip-address.js';
import { isPort } from './proxy-protocol.js';
import { type HeaderLine, trimWhitespace } from './request-head.js';

/** The result for one header: `nothing`; the client's address; or `hidden`, if the entry that should name the client does not. */
type HeaderResult = 'nothing' | 'hidden' | Uint8Array;

/**
 * The right-most address that is not in `trust`, or the left-most one if all are. The caller has checked that the peer is trusted. Entries to
 * the left of the result are never read.
 *
 * Undefined if the lines name no client, or if the entry that would name it is `unknown`, obfuscated or not an address: entries to its left
 * cannot be believed. A proxy writes one of the two headers and passes on the other as the client wrote it. So `either` takes the one that
 * is there; if both are there and disagree, the result is undefined.
 */
export function findForwardedClient(
  lines: readonly HeaderLine[],
  header: ForwardedHeader,
  trust: PackedPrefixes,
): Uint8Array | undefined {
  const xForwardedFor = header === 'forwarded' ? 'nothing' : readLines(lines, 'x-forwarded-for', trust);
  const forwarded = header === 'x-forwarded-for' ? 'nothing' : readLines(lines, 'forwarded', trust);
  if (xForwardedFor === 'nothing') return typeof forwarded === 'string' ? undefined : forwarded;
  if (forwarded === 'nothing') return typeof xForwardedFor === 'string' ? undefined : xForwardedFor;
  if (typeof xForwardedFor === 'string' || typeof forwarded === 'string') return undefined;
  return Buffer.compare(xForwardedFor, forwarded) === 0 ? xForwardedFor : undefined;
}

function readLines(
  lines: readonly HeaderLine[],
  name: 'x-forwarded-for' | 'forwarded',
  trust: PackedPrefixes,
): HeaderResult {
  let leftmost: HeaderResult = 'nothing';
  for (const line of lines.toReversed()) {
    if (line.name !== name) continue;
    for (const element of elementsFromRight(line.value, ',', name === 'forwarded')) {
      if (element === '') continue;
      const hop = parseForwardedNode(name === 'forwarded' ? forParameter(element) : element);
      if (hop === undefined) return 'hidden';
      if (!containsAny(trust, hop)) return hop;
      leftmost = hop;
    }
  }
  return leftmost;
}

/**
 * The elements of a list, from right to left: a client's part of the list is on the left and cannot change how the proxies' part is split.
 * With `quotes`, a separator inside a quoted string does not count.
 */
function* elementsFromRight(list: string, separator: string, quotes: boolean): Generator<string> {
  let end = list.length;
  let quoted = false;
  for (let at = end - 1; at >= 0; at--) {
    if (list[at] === separator && !quoted) {
      yield trimWhitespace(list.slice(at + 1, end));
      end = at;
    } else if (list[at] === '"' && quotes) {
      let before = at;
      while (quoted && list[before - 1] === '\\') before--;
      if ((at - before) % 2 === 0) quoted = !quoted;
      at = before;
    }
  }
  yield trimWhitespace(list.slice(0, end));
}

/** The `for` parameter of a Forwarded element; empty if there is none, or more than one. */
function forParameter(element: string): string {
  let found = '';
  for (const pair of elementsFromRight(element, ';', true)) {
    const equals = pair.indexOf('=');
    if (equals < 0 || pair.slice(0, equals).toLowerCase() !== 'for') continue;
    if (found !== '') return '';
    found = pair.slice(equals + 1);
  }
  return found.length >= 2 && found.startsWith('"') && found.endsWith('"') ? found.slice(1, -1) : found;
}

/**
 * The address of an entry in the forms of X-Forwarded-For and RFC 7239 §6: IPv6 with or without brackets, with or without a port. Undefined
 * for `unknown`, for obfuscated identifiers and for everything else.
 */
function parseForwardedNode(text: string): Uint8Array | undefined {
  if (text.startsWith('[')) {
    const close = text.indexOf(']');
    const inside = text.slice(1, close);
    if (close < 0 || !inside.includes(':')) return undefined;
    return endsInPort(text.slice(close + 1)) ? parseAddress(inside) : undefined;
  }
  const colon = text.indexOf(':');
  if (colon < 0 || text.includes(':', colon + 1)) return parseAddress(text);
  return endsInPort(text.slice(colon)) ? parseAddress(text.slice(0, colon)) : undefined;
}

function endsInPort(rest: string): boolean {
  return rest === '' || (rest.startsWith(':') && (rest[1] === '_' || isPort(rest.slice(1))));
}
