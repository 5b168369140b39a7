import type { ChainRule, CookieSeal } from '../binding/twin/affinity-chain.js';
import type { CookieRule } from '../options.js';
export declare const HOUR_MS = 3600000;
/** limpet's own cookie. A forged, expired or other machine's yields no key. */
export declare const affinityCookieRule: ChainRule;
/** A cookie of the app's; its value is the client key. Yields no key when it is absent or empty. */
export declare function namedCookieRule(name: string): ChainRule;
/** What a worker needs to give cookies out; plain data, to be sent to it. */
export interface CookieSettings {
    readonly seal: CookieSeal;
    readonly attributes: Omit<CookieRule, 'by' | 'name' | 'maxAgeMs'>;
}
/** Gives a worker's clients the cookie that brings them back to it. */
export declare class CookieIssuer {
    #private;
    /** `slot` is this worker's own, 0 to 255. */
    constructor(settings: CookieSettings, slot: number);
    /**
     * The Set-Cookie value that a response should carry, or undefined when the client's cookie already leads here and is
     * in the first half of its life.
     * @param cookieHeader the request's Cookie header.
     * @param secure whether the request came over TLS: adds Secure unless the attributes say otherwise.
     */
    setCookie(cookieHeader: string | undefined, secure: boolean, now?: number): string | undefined;
    /** The cookie's value for clients that come in `hour` (since 1970). */
    value(hour: number): string;
}
