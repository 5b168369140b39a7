/** Whose word is taken: lists of addresses, CIDRs and names, as `proxy-addr` and Express write them. */
import type { PackedPrefixes } from '../binding/twin/affinity-chain.js';
import type { Trust } from '../options.js';
/**
 * The prefixes of a trust list; nobody is trusted by an empty one.
 * @throws LimpetError ERR_LIMPET_OPTION when an entry is neither a name, an address nor a CIDR.
 */
export declare function packTrust(trust: Trust): PackedPrefixes;
