/** Engine.IO session ids that contain their worker. */
import { sipHash24 } from './siphash.js';

/**
 * The slot and generation in an id that a worker of limpet made; undefined for every other id. The id is 15 bytes in 20 characters of
 * base64url: 8 random bytes, slot, generation, and 5 bytes of tag. The tag is the start of SipHash-2-4 of the 10 bytes before it.
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
