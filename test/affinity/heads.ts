/** For the tests that read heads: both implementations, chains with test keys, and PROXY headers. */

import { headBinding } from '../../src/binding/head-binding.ts';
import { native } from '../../src/binding/native.ts';
import type {
  AffinityChain,
  ChainRule,
  Decision,
  ProxyHeaderPolicy,
} from '../../src/binding/typescript/affinity-chain.ts';
import { type HeadBinding, typescriptHead } from '../../src/binding/typescript/head-calls.ts';

export const bindings: [name: string, head: HeadBinding][] = [['TypeScript', typescriptHead]];
if (native() !== null) bindings.unshift(['native', headBinding()]);

export const hourNow = 490_000;
export const cookieKey = Uint8Array.from({ length: 16 }, (_, i) => i);
export const sidKey = Uint8Array.from({ length: 16 }, (_, i) => 0xf0 + i);
export const seal = { name: 'limpet', node: 'n1', key: cookieKey, hoursMax: 168 };

const noProxy: ProxyHeaderPolicy = { use: 'ignored', optional: true, trust: new Uint8Array() };

export function chainOf(
  rules: ChainRule[],
  proxyHeader: ProxyHeaderPolicy = noProxy,
  headBytesMax = 16_384,
): AffinityChain {
  return {
    rules: [...rules, { kind: 'address' }],
    proxyHeader,
    cookie: seal,
    sidKey,
    headBytesMax,
  };
}

export function addressBytes(text: string): Uint8Array {
  const bytes = typescriptHead.parseAddress(text);
  if (bytes === undefined) throw new Error(`not an address: ${text}`);
  return bytes;
}

/** CIDRs in the packed form of the binding. */
export function prefixes(...cidrs: string[]): Uint8Array {
  return Uint8Array.from(
    cidrs.flatMap((cidr) => {
      const [address = '', bits = '128'] = cidr.split('/');
      return [...addressBytes(address), Number(bits) + (address.includes(':') || bits === '128' ? 0 : 96)];
    }),
  );
}

/** The decision of `chain` for a stream from `peer` that arrives in `portions`. */
export function decide(
  head: HeadBinding,
  chain: AffinityChain,
  portions: readonly (Uint8Array | string)[],
  { peer = '203.0.113.9', ended = false }: { peer?: string; ended?: boolean } = {},
): Decision {
  const reading = head.begin(head.compile(chain), { address: addressBytes(peer), port: 40_000 });
  let stream = Buffer.alloc(0);
  let decision: Decision = { outcome: 'need-more' };
  for (const portion of portions) {
    stream = Buffer.concat([stream, typeof portion === 'string' ? Buffer.from(portion, 'latin1') : portion]);
    decision = reading.decide(stream, false, hourNow);
    if (decision.outcome !== 'need-more') return decision;
  }
  return ended ? reading.decide(stream, true, hourNow) : decision;
}

/** The decision as a text: its outcome and the key or the slot, or the reason of a refusal. */
export function inWords(decision: Decision): string {
  switch (decision.outcome) {
    case 'text':
      return `text ${Buffer.from(decision.text).toString('latin1')}`;
    case 'address':
      return `address ${addressText(decision.address)}`;
    case 'slot':
      return `slot ${decision.slot}${decision.generation === undefined ? '' : `.${decision.generation}`}`;
    case 'refused':
      return decision.refusal;
    default:
      return decision.outcome;
  }
}

export function addressText(bytes: Uint8Array): string {
  if (Buffer.from(bytes.subarray(0, 12)).toString('hex') === '00000000000000000000ffff') {
    return bytes.subarray(12).join('.');
  }
  return new URL(
    `http://[${(Buffer.from(bytes).toString('hex').match(/.{4}/g) ?? []).join(':')}]`,
  ).hostname.slice(1, -1);
}

export function request(target: string, ...lines: string[]): string {
  return `GET ${target} HTTP/1.1\r\n${['Host: a', ...lines].map((line) => `${line}\r\n`).join('')}\r\n`;
}

/** A version 2 PROXY header. `tlvs` follow the addresses. `crc` adds a checksum TLV, right or wrong. */
export function proxyV2(
  source: string,
  destination: string,
  {
    command = 1,
    transport = 1,
    tlvs = Buffer.alloc(0),
    crc,
  }: { command?: number; transport?: number; tlvs?: Buffer; crc?: 'right' | 'wrong' } = {},
): Buffer {
  const ipv6 = source.includes(':');
  const ends = [source, destination].map((text) => addressBytes(text).subarray(ipv6 ? 0 : 12));
  const checksum = crc === undefined ? Buffer.alloc(0) : Buffer.from([3, 0, 4, 0, 0, 0, 0]);
  const body = Buffer.concat([...ends, Buffer.from([0x9c, 0x40, 0x0b, 0xb8]), tlvs, checksum]);
  const header = Buffer.concat([
    Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'),
    Buffer.from([0x20 | command, ((ipv6 ? 2 : 1) << 4) | transport, body.length >> 8, body.length & 255]),
    body,
  ]);
  if (crc !== undefined)
    header.writeUInt32BE((crc32c(header) + (crc === 'wrong' ? 1 : 0)) >>> 0, header.length - 4);
  return header;
}

/** CRC32c by long division, bit by bit. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      const lowest = (crc ^ (byte >> bit)) & 1;
      crc = (crc >>> 1) ^ (lowest === 1 ? 0x82f63b78 : 0);
    }
  }
  return ~crc >>> 0;
}
