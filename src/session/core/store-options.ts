import { integer, oneOf, type Rule } from '../../checks.js';
import type { OnConflict } from './rows.js';
import { json, type Serializer, type SessionFields } from './serializer.js';

/** Options that every store takes. */
export interface StoreOptions {
  /**
   * Life in seconds of a session whose cookie has no end, as in connect-redis; fractions are allowed. Above 0, at most 1e10. Or a
   * function that returns the life of any session in seconds. Default 86,400.
   */
  ttl?: number | ((session: SessionFields) => number);
  /**
   * Milliseconds. A touch (a request that changes nothing) that would lengthen the life by less than this is not sent. With Infinity,
   * no touch lengthens the life. A touch that shortens it is always sent. Default: a hundredth of the life, at most 60,000.
   */
  touchAfterMs?: number;
  /**
   * Action of a save when another request has stored the session since this one read it. 'merge' (default): by top-level key,
   * the keys that this request changed go onto the stored session. 'last-write': this session replaces the stored one. 'error':
   * the save rejects with ERR_LIMPET_SESSION_CONFLICT.
   */
  onConflict?: OnConflict;
  /** Largest session to store, in bytes of its UTF-8 text: 1,024 to 536,870,912. Default 1 MiB. */
  sessionBytesMax?: number;
  /** Replaces JSON as the text of a row, for example to encrypt it. */
  serializer?: Serializer;
}

const zeroOrMore: Rule = {
  expected: 'a number of milliseconds, 0 or above, or Infinity',
  ok: (v) => typeof v === 'number' && v >= 0,
  fallback: 'auto',
};

/** Rules of {@link StoreOptions}, for the `check()` of each store. */
export const storeRules: Record<keyof StoreOptions, Rule> = {
  ttl: {
    expected: 'a number of seconds above 0 and at most 1e10, or a function that returns one',
    ok: (v) => (typeof v === 'number' && v > 0 && v <= 1e10) || typeof v === 'function',
    fallback: 86_400,
  },
  touchAfterMs: zeroOrMore,
  onConflict: oneOf(['merge', 'last-write', 'error'], 'merge'),
  sessionBytesMax: integer(1024, 512 * 1024 * 1024, 1024 * 1024, ' (bytes)'),
  serializer: {
    expected: 'an object with the functions stringify and parse',
    ok: (v) =>
      typeof (v as Serializer | null)?.stringify === 'function' &&
      typeof (v as Serializer).parse === 'function',
    fallback: json,
  },
};
