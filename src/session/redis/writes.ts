/** The three writes of a row, each as a Lua script and as plain commands. */
import { hash } from 'node:crypto';
import type { Replaced, Row } from '../core/backend.js';
import { type Command, msUntil } from './ioredis.js';

/** A Lua script. It uses one key, so that any master of a Cluster can run it. */
export interface Script {
  readonly source: string;
  /** SHA-1 of the source, for EVALSHA. */
  readonly digest: string;
}

/** One write, in the two forms in which Redis can be asked for it. */
export interface Write<T> {
  readonly script: Script;
  /** ARGV of the script. */
  readonly words: Command;
  /** The plain commands, for a user without the right to EVAL. They end with a read of the key. */
  readonly plain: (key: string) => Command[];
  /** Turns the answers into the caller's result, and the row that is now known to be in Redis. */
  readonly stored: (answers: unknown[]) => [T, Row | undefined];
}

function sha1(text: string): string {
  return hash('sha1', text, 'hex');
}

function script(source: string): Script {
  return { source, digest: sha1(source) };
}

// Each script ends with a read of its key. With NOLOOP, a connection's own write makes Redis forget that this connection has read the
// key: it would send no invalidation for the next change.

/** ARGV: text, life in ms. */
const createScript = script(`redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return redis.call('EXISTS', KEYS[1])`);

/** ARGV: SHA-1 of the expected row ('' for any row), text, life in ms. Returns 1: stored; 0: no row; or the other row and its PTTL. */
const replaceScript = script(`local row = redis.call('GET', KEYS[1])
if not row then return 0 end
if ARGV[1] ~= '' and redis.sha1hex(row) ~= ARGV[1] then return {row, redis.call('PTTL', KEYS[1])} end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return redis.call('EXISTS', KEYS[1])`);

/** ARGV: life in ms. Returns 1: set; 0: no row. */
const touchScript = script(`if redis.call('PEXPIRE', KEYS[1], ARGV[1]) == 0 then return 0 end
return redis.call('EXISTS', KEYS[1])`);

/** Stores `raw` over any row. */
export function createWrite(raw: string, ttlMs: number): Write<undefined> {
  const row = { raw, expiresAt: Date.now() + ttlMs };
  const px = msUntil(row.expiresAt);
  return {
    script: createScript,
    words: [raw, px],
    plain: (key) => [
      ['set', key, raw, 'px', px],
      ['get', key],
    ],
    stored: ([, readBack]) => [undefined, readBack === undefined || readBack === raw ? row : undefined],
  };
}

/** Stores `raw` over the row `known`, or over any row when `known` is undefined. The plain commands do not compare. */
export function replaceWrite(known: string | undefined, raw: string, ttlMs: number): Write<Replaced> {
  const row = { raw, expiresAt: Date.now() + ttlMs };
  const px = msUntil(row.expiresAt);
  return {
    script: replaceScript,
    words: [known === undefined ? '' : sha1(known), raw, px],
    plain: (key) => [
      ['set', key, raw, 'px', px, 'xx'],
      ['get', key],
    ],
    stored: ([answer, readBack]) => {
      if (answer === 0 || answer === null) return ['gone', undefined];
      if (!Array.isArray(answer)) {
        return ['stored', readBack === undefined || readBack === raw ? row : undefined];
      }
      const other = rowOf(answer[0], answer[1]);
      return other ? [other, other] : ['gone', undefined];
    },
  };
}

/** Sets the life of the row. `known` is the row in the near cache, if it holds one of the current tracking period. */
export function touchWrite(ttlMs: number, known: Row | undefined): Write<boolean> {
  const expiresAt = Date.now() + ttlMs;
  const px = msUntil(expiresAt);
  return {
    script: touchScript,
    words: [px],
    plain: (key) => [
      ['pexpire', key, px],
      ['exists', key],
    ],
    stored: (answers) => {
      const [answer] = answers;
      // The script is atomic. Between the two plain commands, another client may replace the row unseen.
      const isKnown = answer === 1 && answers.length === 1;
      return [answer === 1, isKnown && known ? { raw: known.raw, expiresAt } : undefined];
    },
  };
}

/** Returns the row from the answers to GET and PTTL. */
export function rowOf(raw: unknown, remainingMs: unknown): Row | undefined {
  const ms = Number(remainingMs);
  if (typeof raw !== 'string' || ms === -2) return undefined;
  return { raw, expiresAt: ms === -1 ? Number.POSITIVE_INFINITY : Date.now() + ms };
}
