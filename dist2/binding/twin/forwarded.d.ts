/** The client as trusted proxies tell it in X-Forwarded-For or Forwarded (RFC 7239). */
import type { ForwardedHeader, PackedPrefixes } from './affinity-chain.js';
import { type HeaderLine } from './request-head.js';
/**
 * The right-most address that is not in `trust`, or the left-most when all are; the peer itself must be trusted
 * already. Undefined, and no key, when no line tells or when the hop in question is `unknown`, obfuscated or no
 * address: nothing to the left of it can be believed. What stands to its left is never read. A proxy writes one of
 * the two headers and passes on the other as the client wrote it, so `either` takes whichever is there, and nothing
 * when both are there and do not agree.
 */
export declare function findForwardedClient(lines: readonly HeaderLine[], header: ForwardedHeader, trust: PackedPrefixes): Uint8Array | undefined;
