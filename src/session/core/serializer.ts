/** Turns a session into the text of its row and back. Both throw on what they cannot do. */
export interface Serializer {
  /** The text that is stored. */
  stringify(session: object): string;
  /** The session that `stringify` was given. */
  parse(raw: string): SessionFields;
}

/** A session as data: whatever the application put there, and the cookie it belongs to. */
export interface SessionFields {
  cookie?: CookieFields;
  /** Whatever the application put there. */
  [key: string]: unknown;
}

/** The cookie as express-session keeps it inside the session. */
export interface CookieFields {
  /** A date, its ISO text, or null for a cookie that ends with the browser. */
  expires?: Date | string | null;
  /** Milliseconds. */
  originalMaxAge?: number | null;
  /** Attributes of the cookie. */
  [attribute: string]: unknown;
}

const withoutPrototype = (key: string, value: unknown): unknown => (key === '__proto__' ? undefined : value);

/**
 * JSON, as connect-redis writes it. `parse` drops every key `__proto__`, at any depth, so that no later copy or
 * merge of the session can set a prototype, and refuses what is no object.
 */
export const json: Serializer = {
  stringify: JSON.stringify,
  parse(raw: string): SessionFields {
    // Only a text that names __proto__, or may do so through an escape, pays for the reviver.
    const suspect = raw.includes('__proto__') || raw.includes('\\u00');
    const value: unknown = suspect ? JSON.parse(raw, withoutPrototype) : JSON.parse(raw);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new SyntaxError('A session row holds JSON that is no object');
    }
    return value as SessionFields;
  },
};
