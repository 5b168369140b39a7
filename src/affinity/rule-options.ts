import type { AffinityName } from '../affinity-options.js';
import { integer, oneOf, type Rule, trustRule, yesOrNo } from '../checks.js';

/** The names that `{ header }`, `{ query }` and `{ cookie }` may have: those that can occur in a request. */
export const namesOf: ReadonlyMap<string, RegExp> = new Map([
  ['header', /^[\w!#$%&'*+.^`|~-]+$/],
  ['query', /^[!-~]+$/],
  ['cookie', /^[!-:<>-~]+$/],
]);

const cookieName: Rule = {
  expected: 'a cookie name without blanks or separators (RFC 6265 section 4.1.1)',
  ok: (v) => typeof v === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(v),
};
const path: Rule = {
  expected: "a path that begins with '/', without ';'",
  ok: (v) => typeof v === 'string' && /^\/[ -:<-~]*$/.test(v),
};
const domain: Rule = {
  expected: 'a domain such as example.org',
  ok: (v) => typeof v === 'string' && /^\.?[a-z0-9-]+(\.[a-z0-9-]+)*$/i.test(v),
};
const flag = yesOrNo(false);

/** The options of each rule that is written as an object with `by`. */
export const ruleOptions: Readonly<Record<AffinityName, Record<string, Rule>>> = {
  address: {},
  'proxy-protocol': { trust: trustRule, optional: flag },
  forwarded: { trust: trustRule, header: oneOf(['x-forwarded-for', 'forwarded'], undefined) },
  cookie: {
    name: cookieName,
    maxAgeMs: integer(1, 31_536_000_000, 0, ' (milliseconds)'),
    path,
    domain,
    httpOnly: flag,
    secure: flag,
    sameSite: oneOf(['strict', 'lax', 'none'], undefined),
    maxAge: integer(0, 34_560_000, 0, ' (seconds; browsers keep none longer than 400 days)'),
  },
  'socket.io': {},
};
