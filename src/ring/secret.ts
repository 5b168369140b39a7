/** Keys from the one secret that all machines of a site share. */
import { hkdfSync } from 'node:crypto';
import { LimpetError } from '../errors.js';

/** What a derived key is for. Keys of different labels tell nothing about each other or about the secret. */
export type KeyLabel = 'ring' | 'cookie' | 'sid' | 'node';

/** The least a secret may have: 128 bits, if they are random. */
const SECRET_BYTES_MIN = 16;

/**
 * HKDF-SHA256 of `secret` for `label`: the same on every machine with the same secret.
 * @param secret at least 16 bytes; a string is its UTF-8 bytes.
 * @param bytes the length of the key, 1 to 255 * 32; the ring's has 8.
 * @throws LimpetError ERR_LIMPET_OPTION when the secret is shorter than 16 bytes.
 */
export function deriveKey(secret: string | Uint8Array, label: KeyLabel, bytes: number): Uint8Array {
  const material = typeof secret === 'string' ? Buffer.from(secret, 'utf8') : secret;
  if (material.length < SECRET_BYTES_MIN) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      `secret has ${material.length} bytes; expected at least ${SECRET_BYTES_MIN}: ` +
        'make one with "openssl rand -base64 32" and give the same to every machine',
      { option: 'secret', bytes: material.length },
    );
  }
  return new Uint8Array(hkdfSync('sha256', material, '', `limpet ${label}`, bytes));
}
