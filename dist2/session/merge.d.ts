import type { SessionFields } from './serializer.js';
/**
 * Three-way merge by top-level key: what this request changed since `base` (set, replaced or deleted) is taken from
 * `ours`, everything else from `theirs`. When both changed the same key, ours wins. The result is a new object.
 */
export declare function mergeSessions(base: SessionFields, ours: SessionFields, theirs: SessionFields): SessionFields;
