/** limpet's own affinity cookie: it contains the slot of its worker, authenticated by a tag. */
import { type SerializeOptions, stringifySetCookie } from 'cookie';
import type { CookieRule } from '../affinity-options.js';
import { headBinding } from '../binding/head-binding.js';
import type { CookieSeal } from '../binding/typescript/affinity-chain.js';
import { cookiePairs } from '../binding/typescript/affinity-cookie.js';
import { HourlyCache } from './hourly-cache.js';

export const HOUR_MS = 3_600_000;

/** The settings with which a worker sets cookies: plain data, which the primary sends to it. */
export interface CookieSettings {
  readonly seal: CookieSeal;
  readonly attributes: Omit<CookieRule, 'by' | 'name' | 'maxAgeMs'>;
}

/** Makes the cookies that bring clients back to this worker. */
export class CookieIssuer {
  readonly #settings: CookieSettings;
  readonly #slot: number;
  readonly #leadsHere: HourlyCache<{ readonly leadsHere: boolean }> = new HourlyCache();
  /** The hour of `#value`. */
  #hour = -1;
  #value = '';

  /** `slot` is this worker's slot, 0 to 255. */
  constructor(settings: CookieSettings, slot: number) {
    this.#settings = settings;
    this.#slot = slot;
  }

  /**
   * The value of Set-Cookie for the response. Undefined if the client's cookie leads to this worker already and is in the first half of
   * its life.
   * @param cookieHeader the request's Cookie header.
   * @param secure whether the request came over TLS. If so, `Secure` is added, unless the attributes say otherwise.
   */
  setCookie(cookieHeader: string | undefined, secure: boolean, now: number = Date.now()): string | undefined {
    const { seal, attributes } = this.#settings;
    const hour = Math.floor(now / HOUR_MS);
    if (cookieHeader?.includes(seal.name)) {
      const { leadsHere } = this.#leadsHere.of(cookieHeader, hour, () => this.#read(cookieHeader, hour));
      if (leadsHere) return undefined;
    }
    const { maxAge, domain, path = '/', httpOnly = true, sameSite = 'lax' } = attributes;
    const options: SerializeOptions = { path, httpOnly, sameSite, secure: attributes.secure ?? secure };
    if (maxAge !== undefined) options.maxAge = maxAge;
    if (domain !== undefined) options.domain = domain;
    return stringifySetCookie(seal.name, this.value(hour), options);
  }

  #read(cookieHeader: string, hour: number): { leadsHere: boolean } {
    const { seal } = this.#settings;
    const { readAffinityCookie } = headBinding();
    // The first valid cookie counts, as in the rule that places the connection. An invalid cookie of the same name is skipped.
    const ours = cookiePairs(cookieHeader).find(
      ({ name, value }) => name === seal.name && readAffinityCookie(value, seal, hour) !== undefined,
    );
    const fresh = { ...seal, hoursMax: Math.floor(seal.hoursMax / 2) };
    return {
      leadsHere: ours !== undefined && readAffinityCookie(ours.value, fresh, hour) === this.#slot,
    };
  }

  /** The cookie's value for responses in `hour` (hours since 1970). */
  value(hour: number): string {
    if (hour !== this.#hour) {
      const { node, key } = this.#settings.seal;
      const sealed = `1.${node}.${this.#slot}.${hour}`;
      const tag = headBinding().sipHash24(key, Buffer.from(sealed, 'latin1'));
      this.#value = `${sealed}.${Buffer.from(tag).reverse().toString('hex')}`;
      this.#hour = hour;
    }
    return this.#value;
  }
}
