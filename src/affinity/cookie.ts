/** Affinity by cookie: limpet's own, which carries the slot, sealed, or one that the app sets anyway, as a key. */
import { type SerializeOptions, stringifySetCookie } from 'cookie';
import type { CookieRule } from '../affinity-options.js';
import { headBinding } from '../binding/head-binding.js';
import type { CookieSeal } from '../binding/typescript/affinity-chain.js';
import { cookiePairs } from '../binding/typescript/affinity-cookie.js';
import { HourlyCache } from './hourly-cache.js';

export const HOUR_MS = 3_600_000;

/** What a worker needs to give cookies out; plain data, to be sent to it. */
export interface CookieSettings {
  readonly seal: CookieSeal;
  readonly attributes: Omit<CookieRule, 'by' | 'name' | 'maxAgeMs'>;
}

/** Gives a worker's clients the cookie that brings them back to it. */
export class CookieIssuer {
  readonly #settings: CookieSettings;
  readonly #slot: number;
  readonly #told: HourlyCache<{ readonly leadsHere: boolean }> = new HourlyCache();
  #hour = -1;
  #value = '';

  /** `slot` is this worker's own, 0 to 255. */
  constructor(settings: CookieSettings, slot: number) {
    this.#settings = settings;
    this.#slot = slot;
  }

  /**
   * The Set-Cookie value that a response should carry, or undefined when the client's cookie already leads here and is
   * in the first half of its life.
   * @param cookieHeader the request's Cookie header.
   * @param secure whether the request came over TLS: adds Secure unless the attributes say otherwise.
   */
  setCookie(cookieHeader: string | undefined, secure: boolean, now: number = Date.now()): string | undefined {
    const { seal, attributes } = this.#settings;
    const hour = Math.floor(now / HOUR_MS);
    if (cookieHeader?.includes(seal.name)) {
      const { leadsHere } = this.#told.of(cookieHeader, hour, () => this.#read(cookieHeader, hour));
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
    // The first that counts, as where the connection is placed: else look-alikes would be taken for ours, or hide it.
    const ours = cookiePairs(cookieHeader).find(
      ({ name, value }) => name === seal.name && readAffinityCookie(value, seal, hour) !== undefined,
    );
    const fresh = { ...seal, hoursMax: Math.floor(seal.hoursMax / 2) };
    return {
      leadsHere: ours !== undefined && readAffinityCookie(ours.value, fresh, hour) === this.#slot,
    };
  }

  /** The cookie's value for clients that come in `hour` (since 1970). */
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
