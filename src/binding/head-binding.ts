/** The part of the addon that reads heads, or its twin: the same calls, the same answers. */
import type {
  AffinityChain,
  CookieSeal,
  Decision,
  Endpoint,
  HeadReading,
  ProxiedEnds,
  Refusal,
} from './affinity-chain.js';
import { native } from './native.js';
import { twinHead } from './twin/head.js';

/** Arguments are trusted: src/affinity/ checks what users give. */
export interface HeadBinding {
  /** The rules in the form that {@link begin} and the acceptor take; opaque, immutable, freed with the object. */
  compile(chain: AffinityChain): CompiledChain;
  begin(chain: CompiledChain, peer: Endpoint, local: Endpoint): HeadReading;
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

/** What native/node_api/head.cc exports. `Reading` is the C++ struct itself in an ArrayBuffer. */
interface NativeHead extends Omit<HeadBinding, 'begin'> {
  begin(peer: Uint8Array, peerPort: number, local: Uint8Array, localPort: number): ArrayBuffer;
  decide(
    chain: CompiledChain,
    reading: ArrayBuffer,
    stream: Uint8Array,
    ended: boolean,
    hourNow: number,
  ): Decision;
  proxied(reading: ArrayBuffer): ProxiedEnds | undefined;
}

let binding: HeadBinding | undefined;

/** The native reader where there is an addon, else its twin. Loads the addon at the first call. */
export function headBinding(): HeadBinding {
  binding ??= wrapNative(native()?.head as NativeHead | undefined) ?? twinHead;
  return binding;
}

function wrapNative(head: NativeHead | undefined): HeadBinding | undefined {
  if (head === undefined) return undefined;
  return {
    ...head,
    begin(chain, peer, local) {
      const reading = head.begin(peer.address, peer.port, local.address, local.port);
      return {
        decide: (stream, ended, hourNow) => head.decide(chain, reading, stream, ended, hourNow),
        proxied: () => head.proxied(reading),
      };
    },
  };
}
