/** Compares limpet's keyed hash with unkeyed hashes and with the hash of sticky-session. */
import { xxh32 } from '@node-rs/xxhash';
import murmurhash from 'murmurhash';
import createXxhash from 'xxhash-wasm';
import { hash32 } from '../../dist/ring/index.js';
import { measure } from './measure.js';

const key = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7);

/** The worker that sticky-session chooses: Jenkins's one-at-a-time hash of the address's numbers, modulo the number of workers. */
export function stickySessionWorker(address, workers) {
  let hash = 0;
  for (const number of address.split('.').map((part) => Number.parseInt(part, 10))) {
    hash = (hash + number) % 0x80000000;
    hash = (hash + hash * 1024) % 0x80000000;
    hash ^= hash >> 6;
  }
  hash = (hash + hash * 8) % 0x80000000;
  hash ^= hash >> 11;
  return (((hash + hash * 32_768) % 0x80000000) >>> 0) % workers;
}

/**
 * @param {import('../parts.js').Run} run
 * @returns {Promise<import('./measure.js').Row[]>}
 */
export async function measureHashes(run) {
  const { h32Raw } = await createXxhash();
  return [8, 32, 256, 4096].flatMap((size) => {
    const bytes = Uint8Array.from({ length: size }, (_, i) => 97 + (i % 26));
    const buffer = Buffer.from(bytes);
    return measure(run, `hash ${size} bytes`, {
      'limpet hash32 (keyed)': () => hash32(key, bytes),
      'xxhash-wasm h32Raw': () => h32Raw(bytes, 7),
      '@node-rs/xxhash xxh32': () => xxh32(buffer, 7),
      'murmurhash v3': () => murmurhash.v3(bytes, 7),
    });
  });
}
