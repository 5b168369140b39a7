import { hash } from 'node:crypto';

/** A script with the digest that EVALSHA asks for. One key each, so that it runs on any node of a Cluster. */
export interface Script {
  readonly source: string;
  readonly digest: string;
}

export function sha1(text: string): string {
  return hash('sha1', text, 'hex');
}

function script(source: string): Script {
  return { source, digest: sha1(source) };
}

// Each write ends in a read of its key: with NOLOOP the server forgets, at a connection's own write, that the
// connection knows the key, and would not tell it of the next change.

/** ARGV: text, milliseconds to live. */
export const createScript: Script = script(`redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return redis.call('EXISTS', KEYS[1])`);

/** ARGV: SHA-1 of the row that is expected ('' for any), text, milliseconds. 1: stored; 0: no row; else the row and its PTTL. */
export const replaceScript: Script = script(`local row = redis.call('GET', KEYS[1])
if not row then return 0 end
if ARGV[1] ~= '' and redis.sha1hex(row) ~= ARGV[1] then return {row, redis.call('PTTL', KEYS[1])} end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return redis.call('EXISTS', KEYS[1])`);

/** ARGV: milliseconds. 1: set; 0: no row. */
export const touchScript: Script = script(`if redis.call('PEXPIRE', KEYS[1], ARGV[1]) == 0 then return 0 end
return redis.call('EXISTS', KEYS[1])`);
