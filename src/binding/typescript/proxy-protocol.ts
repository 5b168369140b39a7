/** The PROXY protocol, versions 1 and 2 (the specification by Willy Tarreau, 2020). */
import type { Endpoint } from './affinity-chain.js';
import { parseAddress } from './ip-address.js';

/**
 * - `partial`: the header is incomplete, or there are too few bytes to say whether there is one.
 * - `absent`: the stream does not begin with a signature.
 * - `malformed`: the bytes after the signature break the specification.
 * - `silent`: complete, but without a client address: LOCAL, UNKNOWN, UNSPEC, or a unix socket.
 * - `proxied`: complete, with the client's address.
 */
export type ProxyHeader =
  | { readonly shape: 'partial' | 'absent' | 'malformed'; readonly version: 0 | 1 | 2 }
  | { readonly shape: 'silent'; readonly version: 1 | 2; readonly length: number }
  | {
      readonly shape: 'proxied';
      readonly version: 1 | 2;
      readonly length: number;
      readonly source: Endpoint;
    };

const SIGNATURE_1 = Buffer.from('PROXY ', 'latin1');
const SIGNATURE_2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const LINE_1_MAX = 107;
const FIXED_PART_2 = 16;
const ADDRESS_BLOCKS = [0, 12, 36, 216] as const;
const TLV_CRC32C = 0x03;

/**
 * Reads a header at the start of a stream. A version 2 header longer than `lengthMax` bytes is malformed. The TLVs must fit into the header.
 * A CRC32c TLV is verified, and all others are skipped.
 */
export function readProxyHeader(stream: Uint8Array, lengthMax: number): ProxyHeader {
  const bytes = Buffer.from(stream.buffer, stream.byteOffset, stream.length);
  if (beginsWith(bytes, SIGNATURE_1)) {
    return bytes.length < SIGNATURE_1.length ? { shape: 'partial', version: 0 } : readVersion1(bytes);
  }
  if (beginsWith(bytes, SIGNATURE_2)) {
    return bytes.length < SIGNATURE_2.length
      ? { shape: 'partial', version: 0 }
      : readVersion2(bytes, lengthMax);
  }
  return { shape: 'absent', version: 0 };
}

function beginsWith(bytes: Buffer, signature: Buffer): boolean {
  const shared = Math.min(bytes.length, signature.length);
  return bytes.subarray(0, shared).equals(signature.subarray(0, shared));
}

function readVersion1(bytes: Buffer): ProxyHeader {
  const line = bytes.toString('latin1', 0, LINE_1_MAX);
  const end = line.indexOf('\r');
  if (end < 0 || end + 1 === line.length) {
    return { shape: line.length < LINE_1_MAX ? 'partial' : 'malformed', version: 1 };
  }
  const [family, ...fields] = line.slice(SIGNATURE_1.length, end).split(' ');
  const length = end + 2;
  if (line[end + 1] === '\n') {
    if (family === 'UNKNOWN') return { shape: 'silent', version: 1, length };
    const source = family === 'TCP4' || family === 'TCP6' ? readFields(family, fields) : undefined;
    if (source !== undefined) return { shape: 'proxied', version: 1, length, source };
  }
  return { shape: 'malformed', version: 1 };
}

function readFields(family: 'TCP4' | 'TCP6', fields: string[]): Endpoint | undefined {
  const [source = '', destination = '', sourcePort = '', destinationPort = ''] = fields;
  if (fields.length !== 4 || !isPort(sourcePort) || !isPort(destinationPort)) return undefined;
  if (source.includes(':') !== (family === 'TCP6') || destination.includes(':') !== (family === 'TCP6')) {
    return undefined;
  }
  const from = parseAddress(source);
  if (from === undefined || parseAddress(destination) === undefined) return undefined;
  return { address: from, port: Number(sourcePort) };
}

/** Decimal digits without a leading zero, 0 to 65,535. */
export function isPort(text: string): boolean {
  return /^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65535;
}

function readVersion2(bytes: Buffer, lengthMax: number): ProxyHeader {
  const command = bytes.length > SIGNATURE_2.length ? bytes[12] : 0x20;
  if (command !== 0x20 && command !== 0x21) return { shape: 'malformed', version: 2 };
  if (bytes.length < FIXED_PART_2) return { shape: 'partial', version: 2 };
  const length = FIXED_PART_2 + bytes.readUInt16BE(14);
  if (length > lengthMax) return { shape: 'malformed', version: 2 };
  if (bytes.length < length) return { shape: 'partial', version: 2 };

  const silent: ProxyHeader = { shape: 'silent', version: 2, length };
  if (command === 0x20) return silent;
  const family = (bytes[13] as number) >> 4;
  const transport = (bytes[13] as number) & 0x0f;
  const tlvsAt = FIXED_PART_2 + (ADDRESS_BLOCKS[family] ?? Number.POSITIVE_INFINITY);
  if (transport > 2 || length < tlvsAt || !tlvsHold(bytes.subarray(0, length), tlvsAt)) {
    return { shape: 'malformed', version: 2 };
  }
  if (family === 0 || family === 3 || transport === 0) return silent;

  const size = family === 1 ? 4 : 16;
  const address = new Uint8Array(16);
  if (size === 4) address.fill(0xff, 10, 12);
  address.set(bytes.subarray(FIXED_PART_2, FIXED_PART_2 + size), 16 - size);
  const source = { address, port: bytes.readUInt16BE(FIXED_PART_2 + 2 * size) };
  return { shape: 'proxied', version: 2, length, source };
}

function tlvsHold(header: Buffer, from: number): boolean {
  let checked = false;
  for (let at = from; at < header.length; ) {
    if (header.length - at < 3) return false;
    const type = header[at];
    const length = header.readUInt16BE(at + 1);
    at += 3;
    if (header.length - at < length) return false;
    if (type === TLV_CRC32C) {
      if (checked || length !== 4 || !checksumHolds(header, at)) return false;
      checked = true;
    }
    at += length;
  }
  return true;
}

/** The CRC32c is computed over the whole header, with zeros for the four bytes of the checksum itself. */
function checksumHolds(header: Buffer, at: number): boolean {
  let crc = 0xffffffff;
  for (let i = 0; i < header.length; i++) {
    crc ^= i >= at && i < at + 4 ? 0 : (header[i] as number);
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0 === header.readUInt32BE(at);
}
