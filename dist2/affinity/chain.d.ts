/** Compiles the option `affinity` into the rules that read a connection. */
import type { AffinityChain } from '../binding/twin/affinity-chain.js';
import { type Affinity, type Trust } from '../options.js';
import { type CookieSettings } from './cookie.js';
export interface AffinitySettings {
    readonly affinity: Affinity;
    /** Whose PROXY headers and forwarded addresses are taken, where a rule does not say for itself. */
    readonly trust: Trust;
    readonly proxyProtocol: 'required' | 'optional';
    readonly cookieMaxAgeMs: number;
    readonly headBytes: number;
    /** 16 bytes each. */
    readonly cookieKey: Uint8Array;
    readonly sidKey: Uint8Array;
    /** This machine, as cookies name it: letters, digits, `-` and `_`. */
    readonly node: string;
    /** The workers read PROXY version 2 headers themselves. */
    readonly keepProxyHeader: boolean;
}
export interface CompiledAffinity {
    readonly chain: AffinityChain;
    /** A text for each rule of the chain, for `explain` and status. */
    readonly labels: readonly string[];
    /** Whether bytes of the stream must be seen before a connection can be placed. */
    readonly peeks: boolean;
    /** Whether a request head may decide: not to be had where TLS hides it. */
    readonly readsHead: boolean;
    /** For the workers, when limpet's own cookie is a rule. */
    readonly cookie: CookieSettings | undefined;
}
/**
 * The rules in the order given, ending with `address`.
 * @throws LimpetError ERR_LIMPET_OPTION when `affinity` or `trust` is not what it should be.
 */
export declare function compileAffinity(settings: AffinitySettings): CompiledAffinity;
/** The rules in words, such as `cookie, header x-user, address`. @throws LimpetError ERR_LIMPET_OPTION as above. */
export declare function describeAffinity(affinity: Affinity): string;
