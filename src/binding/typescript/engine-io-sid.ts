/** Engine.IO session ids that carry the worker they live in. */
import { sipHash24 } from './siphash.js';

/**
 * Reads an id that a limpet worker made: 20 characters of base64url, 15 bytes: 8 at random, slot, generation, and 5
 * of tag, the first 5 of SipHash-2-4 of the 10 before them. Undefined when it is anything else.
 */
export function readEngineIoSid(
  sid: string,
  key: Uint8Array,
): { slot: number; generation: number } | undefined {
  if (!/^[A-Za-z0-9_-]{20}$/.test(sid)) return undefined;
  const bytes = Buffer.from(sid, 'base64url');
  const tag = sipHash24(key, bytes.subarray(0, 10)).subarray(0, 5);
  if (!bytes.subarray(10).equals(tag)) return undefined;
  return { slot: bytes[8] as number, generation: bytes[9] as number };
}
