/** The twin of native/node_api/head.cc: the readable statement of how a connection's client is found. */
import type { AffinityChain, CookieSeal, Endpoint, HeadReading, Refusal } from './affinity-chain.js';
/** Arguments are trusted: src/affinity/ checks what users give. */
export interface HeadBinding {
    /** The rules in the form that {@link begin} and the acceptor take; opaque, immutable, freed with the object. */
    compile(chain: AffinityChain): CompiledChain;
    begin(chain: CompiledChain, peer: Endpoint): HeadReading;
    /** SipHash-2-4 of `message` under a key of 16 bytes: 8 bytes, least significant first. */
    sipHash24(key: Uint8Array, message: Uint8Array): Uint8Array;
    /** The slot that a cookie's value names; undefined unless we made it and it still counts. */
    readAffinityCookie(value: string, seal: CookieSeal, hourNow: number): number | undefined;
    /** The 16 bytes of an address in text (IPv4 as ::ffff:a.b.c.d); undefined when it is none. No zone, no brackets. */
    parseAddress(text: string): Uint8Array | undefined;
    /** The response to send before closing; empty where nothing is said. */
    refusalAnswer(refusal: Refusal): string;
}
declare const compiled: unique symbol;
export interface CompiledChain {
    readonly [compiled]: true;
}
export declare const twinHead: HeadBinding;
export {};
