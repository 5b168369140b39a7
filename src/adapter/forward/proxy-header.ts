import { parseAddress } from '../../binding/typescript/ip-address.js';

const start = Buffer.from('\r\n\r\n\0\r\nQUIT\n\x21', 'latin1');
const tcp6 = 0x21;

/** A PROXY header, version 2, that tells of a client; LOCAL where it has no address. */
export function proxyHeader(address: string | undefined, port: number | undefined): Buffer {
  const source = parseAddress(address?.split('%')[0] ?? '');
  if (!source) return Buffer.concat([start.subarray(0, 12), Buffer.from([0x20, 0, 0, 0])]);
  const block = Buffer.alloc(36);
  block.set(source, 0);
  block.writeUInt16BE(port ?? 0, 32);
  return Buffer.concat([start, Buffer.from([tcp6, 0, block.length]), block]);
}
