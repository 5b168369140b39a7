/** SipHash-2-4 with a result of 64 bits, computed as in the paper (Aumasson and Bernstein, 2012). */

const WORD = (1n << 64n) - 1n;

/** `key` has 16 bytes. The result has 8, the least significant first. */
export function sipHash24(key: Uint8Array, message: Uint8Array): Uint8Array {
  const low = wordAt(key, 0, 8);
  const high = wordAt(key, 8, 8);
  const v: State = [
    low ^ 0x736f6d6570736575n,
    high ^ 0x646f72616e646f6dn,
    low ^ 0x6c7967656e657261n,
    high ^ 0x7465646279746573n,
  ];
  const tail = message.length % 8;
  const whole = message.length - tail;
  for (let at = 0; at < whole; at += 8) absorb(v, wordAt(message, at, 8));
  absorb(v, wordAt(message, whole, tail) | (BigInt(message.length & 0xff) << 56n));
  v[2] ^= 0xffn;
  rounds(v, 4);
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, v[0] ^ v[1] ^ v[2] ^ v[3], true);
  return out;
}

type State = [bigint, bigint, bigint, bigint];

function absorb(v: State, word: bigint): void {
  v[3] ^= word;
  rounds(v, 2);
  v[0] ^= word;
}

function rounds(v: State, count: number): void {
  for (let round = 0; round < count; round++) {
    v[0] = (v[0] + v[1]) & WORD;
    v[2] = (v[2] + v[3]) & WORD;
    v[1] = rotate(v[1], 13n) ^ v[0];
    v[3] = rotate(v[3], 16n) ^ v[2];
    v[0] = rotate(v[0], 32n);
    v[2] = (v[2] + v[1]) & WORD;
    v[0] = (v[0] + v[3]) & WORD;
    v[1] = rotate(v[1], 17n) ^ v[2];
    v[3] = rotate(v[3], 21n) ^ v[0];
    v[2] = rotate(v[2], 32n);
  }
}

function rotate(word: bigint, bits: bigint): bigint {
  return ((word << bits) | (word >> (64n - bits))) & WORD;
}

function wordAt(bytes: Uint8Array, at: number, count: number): bigint {
  let word = 0n;
  for (let i = count - 1; i >= 0; i--) word = (word << 8n) | BigInt(bytes[at + i] as number);
  return word;
}
