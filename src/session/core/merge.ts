import type { CookieFields, SessionFields } from './serializer.js';

/**
 * Three-way merge by top-level key: what this request changed since `base` (set, replaced or deleted) is taken from
 * `ours`, everything else from `theirs`. When both changed the same key, ours wins. The result is a new object.
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
 * `expires` moves with every touch, so it says nothing about who changed the cookie: the side that changed any other
 * attribute wins whole; where neither did, the later end of life is kept.
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
