/** The PROXY protocol, versions 1 and 2 (the specification by Willy Tarreau, 2020). */
import type { Endpoint } from './affinity-chain.js';
/**
 * - `partial`: the bytes so far may still become a header.
 * - `absent`: the stream does not begin with a signature.
 * - `malformed`: a signature, and then something that the specification does not allow.
 * - `silent`: complete, and says nothing about the client: LOCAL, UNKNOWN, UNSPEC, a unix socket.
 * - `proxied`: complete, with the real client.
 */
export type ProxyHeader = {
    readonly shape: 'partial' | 'absent' | 'malformed';
    readonly version: 0 | 1 | 2;
} | {
    readonly shape: 'silent';
    readonly version: 1 | 2;
    readonly length: number;
} | {
    readonly shape: 'proxied';
    readonly version: 1 | 2;
    readonly length: number;
    readonly source: Endpoint;
};
/**
 * Reads a header at the start of a stream. A version 2 header longer than `lengthMax` bytes is malformed. TLVs must
 * fit; a CRC32c among them is verified; all others are skipped.
 */
export declare function readProxyHeader(stream: Uint8Array, lengthMax: number): ProxyHeader;
/** Decimal digits without a leading zero, 0 to 65,535. */
export declare function isPort(text: string): boolean;
