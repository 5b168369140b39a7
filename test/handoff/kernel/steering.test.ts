import { describe, expect, it } from 'vitest';
import { type HandoffBinding, handoffBinding } from '../../../src/binding/handoff-binding.js';
import { sharedMemoryLayout } from '../../../src/binding/shared-memory.js';
import type { Ipv6Prefix } from '../../../src/binding/typescript/client-key.js';
import { SlotRing } from '../../../src/ring/slot-ring.js';

const binding = handoffBinding() as HandoffBinding;
const networkHeader = -0x100000;

/** Runs a classic-BPF program as the kernel does. The program can read only the network header of the packet. */
function run(program: Buffer, header: Uint8Array): number {
  const scratch = new Uint32Array(16);
  let a = 0;
  let x = 0;
  for (let pc = 0; ; pc++) {
    const at = pc * 8;
    const code = program.readUInt16LE(at);
    const k = program.readUInt32LE(at + 4);
    const offset = (k | 0) - networkHeader;
    if (code === 0x20) {
      const [b0 = 0, b1 = 0, b2 = 0, b3 = 0] = header.subarray(offset, offset + 4);
      a = ((b0 << 24) | (b1 << 16) | (b2 << 8) | b3) >>> 0;
    } else if (code === 0x30) a = header[offset] as number;
    else if (code === 0x00) a = k;
    else if (code === 0x60) a = scratch[k] as number;
    else if (code === 0x61) x = scratch[k] as number;
    else if (code === 0x02) scratch[k] = a;
    else if (code === 0x0c) a = (a + x) >>> 0;
    else if (code === 0x4c) a = (a | x) >>> 0;
    else if (code === 0xac) a = (a ^ x) >>> 0;
    else if (code === 0xa4) a = (a ^ k) >>> 0;
    else if (code === 0x54) a = (a & k) >>> 0;
    else if (code === 0x64) a = (a << k) >>> 0;
    else if (code === 0x74) a >>>= k;
    else if (code === 0x7c) a >>>= x;
    else if (code === 0x07) x = a;
    else if (code === 0x05) pc += k;
    else if (code === 0x15) pc += program[at + (a === k ? 2 : 3)] as number;
    else if (code === 0x35) pc += program[at + (a >= k ? 2 : 3)] as number;
    else if (code === 0x16) return a;
    else if (code === 0x06) return k;
    else throw new Error(`instruction ${pc} has the code ${code}`);
  }
}

function packet(source: Uint8Array): Uint8Array {
  const header = new Uint8Array(40);
  header[0] = source.length === 4 ? 0x45 : 0x60;
  header.set(source, source.length === 4 ? 12 : 8);
  return header;
}

function text(source: Uint8Array): string {
  if (source.length === 4) return source.join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    Buffer.from(source)
      .readUInt16BE(2 * i)
      .toString(16),
  );
  return groups.join(':');
}

describe('steering program', () => {
  let state = 2463534242;
  /** Random bytes, the same in every run (Marsaglia's xorshift). */
  const bytes = (count: number) =>
    Uint8Array.from({ length: count }, () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state >>> 8;
    });

  for (const [slots, ipv6Prefix] of [
    [1, 64],
    [2, 64],
    [3, 32],
    [16, 48],
    [17, 56],
    [256, 64],
    [[1, 2.5, 7, 0.3], 64],
  ] as [number | number[], Ipv6Prefix][]) {
    it(`with slots ${JSON.stringify(slots)} and ipv6Prefix ${ipv6Prefix} returns the ring's home of every address`, () => {
      const ring = new SlotRing({ slots, ipv6Prefix, key: bytes(8) });
      const program = binding.steeringProgram({ key: ring.key, ipv6Prefix, homes: ring.homeTable() });
      for (let i = 0; i < 3000; i++) {
        const ipv4 = bytes(4);
        const mapped = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...ipv4);
        for (const source of [ipv4, bytes(16), mapped]) {
          expect(run(program, packet(source))).toBe(ring.homeOfAddress(text(source)));
        }
      }
    });
  }
});

it('TypeScript and C++ have the same layout of the shared memory', () => {
  expect(binding.sharedMemoryLayout).toEqual(sharedMemoryLayout);
});
