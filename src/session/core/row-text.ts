import { LimpetError } from '../../errors.js';
import { type Row, storeRefused } from './backend.js';
import { mergeSessions } from './merge.js';
import type { CookieFields, Serializer, SessionFields } from './serializer.js';

export interface RowTextOptions {
  readonly serializer: Serializer;
  /** Life of a session whose cookie names none, in milliseconds. */
  readonly ttlMs: number | ((session: SessionFields) => number);
  readonly sessionBytesMax: number;
}

/** PTTL and a stored date differ by network time; below this they are the same. */
const clockSlackMs = 90;

/** A session as its row has it: the text, and how long it is to live. */
export class RowText {
  readonly #options: RowTextOptions;

  constructor(options: RowTextOptions) {
    this.#options = options;
  }

  /** Throws ERR_LIMPET_SESSION_SIZE. */
  write(session: SessionFields): string {
    const text = this.#options.serializer.stringify(session);
    const { sessionBytesMax } = this.#options;
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
   * The row's own end of life is the truth; the date inside the text is as old as the last save. Throws ERR_LIMPET_STORE where
   * the text is no session.
   */
  read(sid: string, row: Row): SessionFields {
    let fields: SessionFields;
    try {
      fields = this.#options.serializer.parse(row.raw);
    } catch (error) {
      throw storeRefused(
        'The row of a session cannot be read: it is no session, or was written by another serializer',
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

  /** The three texts as one: see {@link mergeSessions}. */
  merge(base: string, ours: string, theirs: string): string {
    const { serializer } = this.#options;
    const merged = mergeSessions(serializer.parse(base), serializer.parse(ours), serializer.parse(theirs));
    return serializer.stringify(merged);
  }

  ttlOf(session: SessionFields): number {
    const { ttlMs } = this.#options;
    if (typeof ttlMs === 'function') return Math.ceil(ttlMs(session));
    const expires = session.cookie?.expires;
    const untilMs = expires ? Math.ceil(new Date(expires).getTime() - Date.now()) : ttlMs;
    return Number.isNaN(untilMs) ? ttlMs : untilMs;
  }

  /** Of the session that the text holds. */
  ttlWithin(text: string): number {
    return this.ttlOf(this.#options.serializer.parse(text));
  }
}
