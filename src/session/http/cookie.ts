import { parse } from 'cookie';
import { sign, unsign } from 'cookie-signature';

/** Longer than any cookie that a browser keeps; not looked at. */
const headerLengthMax = 64 * 1024;

/**
 * The sid that a Cookie header carries under `name`, signed with one of `secrets` as express-session signs
 * (`s:<sid>.<base64 of HMAC-SHA256, without =>`, compared in constant time); undefined when there is none.
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

/** The value of the cookie for `sid`, before URL encoding. */
export function signedSid(sid: string, secret: string): string {
  return `s:${sign(sid, secret)}`;
}
