/** Derives keys from the secret that all machines of a site share. */
import { hkdfSync } from 'node:crypto';
import { LimpetError } from '../errors.js';

/** The purpose of a derived key. A key reveals nothing about the secret or about the key of another label. */
export type KeyLabel = 'ring' | 'cookie' | 'sid' | 'node';

/** 128 bits, if the secret is random. */
const SECRET_BYTES_MIN = 16;

/**
 * HKDF-SHA256 of `secret` for `label`. Machines with the same secret derive the same keys.
 * @param secret at least 16 bytes; a string is its UTF-8 bytes.
 * @param bytes the length of the key, 1 to 255 * 32; the ring's has 8.
 * @throws LimpetError ERR_LIMPET_OPTION if the secret is shorter than 16 bytes.
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
