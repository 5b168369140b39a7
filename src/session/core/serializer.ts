/** Turns a session into the text of its row, and back. Both functions throw on input that they cannot handle. */
export interface Serializer {
  /** Returns the text to store. */
  stringify(session: object): string;
  /** Returns the session from a text that `stringify` made. */
  parse(raw: string): SessionFields;
}

/** A session as plain data: the application's fields and the cookie. */
export interface SessionFields {
  cookie?: CookieFields;
  /** The application's data. */
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
 * JSON, as connect-redis writes it.
 *
 * Prototype pollution: `parse` drops every key `__proto__` at any depth, so that no later copy or merge of the session can set a
 * prototype. It throws SyntaxError on JSON that is not an object.
 */
export const json: Serializer = {
  stringify: JSON.stringify,
  parse(raw: string): SessionFields {
    // The reviver is slow. Use it only for a text that contains __proto__, or an escape (\u005f is "_") that may hide it.
    const suspect = raw.includes('__proto__') || raw.includes('\\u00');
    const value: unknown = suspect ? JSON.parse(raw, withoutPrototype) : JSON.parse(raw);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new SyntaxError('The row of a session must hold a JSON object');
    }
    return value as SessionFields;
  },
};
