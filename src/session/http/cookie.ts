/** The session cookie: its options, and the signed sid in it. Cookies are those of express-session, to the byte. */
import { parse } from 'cookie';
import { sign, unsign } from 'cookie-signature';
import { LimpetError } from '../../errors.js';

/** Attributes of the cookie, as in express-session. */
export interface CookieOptions {
  /** Life in milliseconds. Null or left out: until the browser closes. */
  maxAge?: number | null;
  /** End of the life, instead of `maxAge`. */
  expires?: Date | null;
  /** Default '/'. */
  path?: string;
  /** Default none: the browser sends the cookie to the host that set it, and to no subdomain. */
  domain?: string;
  /** Default true. */
  httpOnly?: boolean;
  /** Default 'auto': secure if the connection is encrypted. A secure cookie is not sent over an unencrypted connection. */
  secure?: boolean | 'auto';
  /** Default 'lax'; true is 'strict'. */
  sameSite?: boolean | 'lax' | 'strict' | 'none';
  /** A separate cookie for each site that embeds the app (CHIPS). */
  partitioned?: boolean;
  /** Which cookies a full cookie jar drops first, in browsers that support it. */
  priority?: 'low' | 'medium' | 'high';
}

export const cookieDefaults: CookieOptions = { path: '/', httpOnly: true, sameSite: 'lax', secure: 'auto' };

/** A longer Cookie header is not parsed. No browser sends one. */
const headerLengthMax = 64 * 1024;

/** Returns the secrets as a list. Throws ERR_LIMPET_OPTION if there is none, or an empty one. */
export function secretsOf(secret: unknown): readonly string[] {
  const secrets = (Array.isArray(secret) ? secret : [secret]) as unknown[];
  if (secrets.length > 0 && secrets.every((text) => typeof text === 'string' && text !== '')) {
    return secrets as string[];
  }
  throw new LimpetError(
    'ERR_LIMPET_OPTION',
    'Sessions need the option secret. Expected a text that is not empty, or a list of them with the newest first: sessions({ secret }).',
    { option: 'secret' },
  );
}

/**
 * Returns the sid from the cookie `name` of a Cookie header; undefined if there is none, or if no secret verifies its signature.
 *
 * The value is `s:<sid>.<base64 of HMAC-SHA256, without =>`, as express-session signs it. Signatures are compared in constant time.
 */
export function sidFromCookies(
  header: string | undefined,
  name: string,
  secrets: readonly string[],
): string | undefined {
  if (!header || header.length > headerLengthMax) return undefined;
  const value = parse(header)[name];
  if (!value?.startsWith('s:')) return undefined;
  for (const secret of secrets) {
    const sid = unsign(value.slice(2), secret);
    if (sid !== false && sid !== '') return sid;
  }
  return undefined;
}

/** Returns the value of the cookie for `sid`, before URL encoding. */
export function signedSid(sid: string, secret: string): string {
  return `s:${sign(sid, secret)}`;
}
