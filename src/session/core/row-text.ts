import { LimpetError } from '../../errors.js';
import type { Row } from './backend.js';
import type { CookieFields, Serializer, SessionFields } from './serializer.js';
import { storeRefused } from './store-errors.js';

export interface RowTextOptions {
  readonly serializer: Serializer;
  /** Life in milliseconds of a session whose cookie has no `expires`; or a function that returns the life of any session. */
  readonly ttlMs: number | ((session: SessionFields) => number);
  readonly sessionBytesMax: number;
}

/** The end of a row differs from the date in its text by the network's delay. Differences below this, in milliseconds, are ignored. */
const clockSlackMs = 90;

/** Translates between a session and the text of its row. */
export class RowText {
  readonly #options: RowTextOptions;

  constructor(options: RowTextOptions) {
    this.#options = options;
  }

  /** Returns the text to store. Throws ERR_LIMPET_SESSION_SIZE when it is larger than `sessionBytesMax`. */
  write(session: SessionFields): string {
    const text = this.#options.serializer.stringify(session);
    const { sessionBytesMax } = this.#options;
    // A UTF-16 unit takes at most three bytes of UTF-8: count only a text that may be too large.
    const bytes = text.length * 3 > sessionBytesMax ? Buffer.byteLength(text) : 0;
    if (bytes > sessionBytesMax) {
      throw new LimpetError(
        'ERR_LIMPET_SESSION_SIZE',
        `The session has ${bytes} bytes, expected at most ${sessionBytesMax}. Keep large data elsewhere, or raise sessionBytesMax.`,
        { bytes, sessionBytesMax },
      );
    }
    return text;
  }

  /**
   * Returns the session in `row`, with `cookie.expires` set to the end of the row: the date inside the text is as old as the last
   * save. Throws ERR_LIMPET_STORE when the text is not a session.
   */
  read(sid: string, row: Row): SessionFields {
    let fields: SessionFields;
    try {
      fields = this.#options.serializer.parse(row.raw);
    } catch (error) {
      throw storeRefused(
        'The row of a session cannot be read: it is not a session, or another serializer wrote it. Use the serializer that wrote it, or destroy the session.',
        { sid },
        error,
      );
    }
    const cookie: CookieFields | undefined = fields.cookie;
    if (cookie?.expires && Number.isFinite(row.expiresAt)) {
      const written = new Date(cookie.expires).getTime();
      if (!(Math.abs(written - row.expiresAt) < clockSlackMs))
        cookie.expires = new Date(row.expiresAt).toISOString();
    }
    return fields;
  }

  /** Merges three texts of one session: see {@link mergeSessions}. */
  merge(base: string, ours: string, theirs: string): string {
    const { serializer } = this.#options;
    const merged = mergeSessions(serializer.parse(base), serializer.parse(ours), serializer.parse(theirs));
    return serializer.stringify(merged);
  }

  /** Returns the life of the session in milliseconds from now; 0 or less when it has expired. */
  ttlOf(session: SessionFields): number {
    const { ttlMs } = this.#options;
    if (typeof ttlMs === 'function') return Math.ceil(ttlMs(session));
    const expires = session.cookie?.expires;
    const untilMs = expires ? Math.ceil(new Date(expires).getTime() - Date.now()) : ttlMs;
    return Number.isNaN(untilMs) ? ttlMs : untilMs;
  }

  /** Returns the life of the session in `text`: see {@link RowText.ttlOf}. */
  ttlWithin(text: string): number {
    return this.ttlOf(this.#options.serializer.parse(text));
  }
}

/**
 * Three-way merge by top-level key. `ours` wins for each key that this request has set, replaced or deleted since `base`. All other
 * keys come from `theirs`. The result is a new object.
 */
export function mergeSessions(
  base: SessionFields,
  ours: SessionFields,
  theirs: SessionFields,
): SessionFields {
  const merged: SessionFields = { ...theirs };
  for (const key of new Set([...Object.keys(base), ...Object.keys(ours)])) {
    if (key === 'cookie' || same(base[key], ours[key])) continue;
    if (key in ours) merged[key] = ours[key];
    else delete merged[key];
  }
  const cookie = mergeCookies(base.cookie, ours.cookie, theirs.cookie);
  if (cookie) merged.cookie = cookie;
  return merged;
}

/**
 * Returns one of the two cookies whole. The side that changed an attribute other than `expires` wins, because every touch moves
 * `expires`. If neither side did, the cookie with the later end wins.
 */
function mergeCookies(
  base?: CookieFields,
  ours?: CookieFields,
  theirs?: CookieFields,
): CookieFields | undefined {
  if (!ours || !theirs) return ours ?? theirs;
  const attributes = (cookie?: CookieFields): CookieFields => ({ ...cookie, expires: null });
  if (!same(attributes(base), attributes(ours))) return ours;
  if (!same(attributes(base), attributes(theirs))) return theirs;
  return endOf(ours) >= endOf(theirs) ? ours : theirs;
}

function endOf({ expires }: CookieFields): number {
  return expires ? new Date(expires).getTime() : 0;
}

function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
