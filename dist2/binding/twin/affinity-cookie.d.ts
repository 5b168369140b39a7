/** Cookies: limpet's own, sealed, and the pairs of a Cookie line. */
import type { CookieSeal } from './affinity-chain.js';
/**
 * The slot that a cookie's value `1.<node>.<slot>.<hour>.<tag>` names. Undefined unless it is exactly that, of this
 * node, not older than `hoursMax`, from no later than the next hour (clocks differ), and the tag is right: the tag
 * is SipHash-2-4 of all that stands before its dot, as 16 lower-case hexadecimal digits.
 */
export declare function readAffinityCookie(value: string, seal: CookieSeal, hourNow: number): number | undefined;
/** The pairs of one Cookie line from the left. A pair without `=` has an empty name. */
export declare function cookiePairs(line: string): {
    name: string;
    value: string;
}[];
