/** Reads limpet's own cookie, and the pairs of a Cookie line. */
import type { CookieSeal } from './affinity-chain.js';
import { sipHash24 } from './siphash.js';

/**
 * The slot in a cookie's value `1.<node>.<slot>.<hour>.<tag>`. Undefined if the value has another form, is another node's, or has a wrong
 * tag. Undefined also if the hour is more than `hoursMax` hours ago or more than 1 hour ahead (clocks differ). The tag is SipHash-2-4 of all
 * that comes before its dot, as 16 lower-case hexadecimal digits.
 */
export function readAffinityCookie(value: string, seal: CookieSeal, hourNow: number): number | undefined {
  const [version, node, slot = '', hour = '', tag = '', ...rest] = value.split('.');
  if (version !== '1' || node !== seal.node || rest.length > 0) return undefined;
  if (!/^(0|[1-9][0-9]{0,2})$/.test(slot) || Number(slot) > 255) return undefined;
  if (!/^(0|[1-9][0-9]{0,9})$/.test(hour) || Number(hour) > 0xffffffff) return undefined;
  const age = hourNow - Number(hour);
  if (!/^[0-9a-f]{16}$/.test(tag) || age < -1 || age > seal.hoursMax) return undefined;
  const sealed = Buffer.from(value.slice(0, -17), 'latin1');
  const expected = Buffer.from(sipHash24(seal.key, sealed)).readBigUInt64LE();
  return BigInt(`0x${tag}`) === expected ? Number(slot) : undefined;
}

/** The pairs of one Cookie line, from left to right. A pair without `=` has an empty name. */
export function cookiePairs(line: string): { name: string; value: string }[] {
  return line.split(';').map((text) => {
    const pair = text.replace(/^[ \t]+|[ \t]+$/g, '');
    const equals = pair.indexOf('=');
    return { name: pair.slice(0, Math.max(equals, 0)), value: pair.slice(equals + 1) };
  });
}
