import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { deriveKey } from '../../src/ring/secret.ts';

const secret = 'sixteen bytes ok';

test('a key is HKDF-SHA256 of the secret, without salt, for its label', () => {
  const extracted = createHmac('sha256', Buffer.alloc(32)).update(secret).digest();
  const expanded = createHmac('sha256', extracted).update('limpet ring\x01').digest();
  expect(Buffer.from(deriveKey(secret, 'ring', 8))).toEqual(expanded.subarray(0, 8));
  expect(deriveKey(Buffer.from(secret), 'ring', 8)).toEqual(deriveKey(secret, 'ring', 8));
});

test('each label gives another key', () => {
  const keys = (['ring', 'cookie', 'sid', 'node'] as const).map((label) =>
    Buffer.from(deriveKey(secret, label, 16)).toString('hex'),
  );
  expect(new Set(keys).size).toBe(4);
});

test('a secret under 16 bytes is refused, and the error does not contain it', () => {
  expect(() => deriveKey('fifteen bytes !', 'ring', 8)).toThrow(
    expect.objectContaining({ code: 'ERR_LIMPET_OPTION', message: expect.not.stringContaining('fifteen') }),
  );
  expect(() => deriveKey('sechzehn zeiché', 'ring', 8)).not.toThrow();
});
