/** The TypeScript implementation of native/node_api/head.cc. It is also the readable specification of how a connection's client is found. */
import type {
  AffinityChain,
  ChainRule,
  CookieSeal,
  Decision,
  Endpoint,
  HeadReading,
  Refusal,
} from './affinity-chain.js';
import { cookiePairs, readAffinityCookie } from './affinity-cookie.js';
import { readEngineIoSid } from './engine-io-sid.js';
import { findForwardedClient } from './forwarded.js';
import { containsAny, parseAddress } from './ip-address.js';
import { readProxyHeader } from './proxy-protocol.js';
import { decodeQueryText, findQueryParameter } from './query-string.js';
import { HeadScan, parseHead, type RequestHead } from './request-head.js';
import { sipHash24 } from './siphash.js';

/** Arguments are not checked. src/affinity/ checks what users give. */
export interface HeadBinding {
  /** The rules in the form for {@link begin} and the acceptor: opaque and immutable. Garbage collection frees them. */
  compile(chain: AffinityChain): CompiledChain;
  begin(chain: CompiledChain, peer: Endpoint): HeadReading;
  /** SipHash-2-4 of `message` under a key of 16 bytes: 8 bytes, least significant first. */
  sipHash24(key: Uint8Array, message: Uint8Array): Uint8Array;
  /** The slot in the value of limpet's cookie; undefined if the value is forged, expired or another machine's. */
  readAffinityCookie(value: string, seal: CookieSeal, hourNow: number): number | undefined;
  /** The 16 bytes of an address (IPv4 as ::ffff:a.b.c.d); undefined if `text` is not an address. Zones and brackets are not allowed. */
  parseAddress(text: string): Uint8Array | undefined;
  /** The response to send before the connection is closed; empty if it is closed without one. */
  refusalAnswer(refusal: Refusal): string;
}

declare const compiled: unique symbol;
export interface CompiledChain {
  readonly [compiled]: true;
}

/** Query values that need decoding and are longer yield no key. */
const DECODED_KEY_BYTES_MAX = 1024;

/** The result of a rule that yields a key. Every other rule returns undefined. */
type Key =
  | { outcome: 'address'; address: Uint8Array }
  | { outcome: 'text'; text: Uint8Array }
  | { outcome: 'slot'; slot: number; generation?: number };

class ChainReading implements HeadReading {
  readonly #chain: AffinityChain;
  #peer: Endpoint;
  #proxied: Endpoint | undefined;
  #proxyHeaderBytes: number | undefined;
  #nextRule = 0;
  readonly #scan = new HeadScan();

  constructor(chain: AffinityChain, peer: Endpoint) {
    this.#chain = chain;
    this.#peer = peer;
  }

  proxied(): Endpoint | undefined {
    return this.#proxied;
  }

  decide(stream: Uint8Array, ended: boolean, hourNow: number): Decision {
    if (this.#proxyHeaderBytes === undefined) {
      const stopped = this.#passProxyHeader(stream, ended);
      if (stopped !== undefined) return stopped;
    }
    const consume = this.#chain.proxyHeader.use === 'consumed' ? (this.#proxyHeaderBytes ?? 0) : 0;
    for (; this.#nextRule < this.#chain.rules.length; this.#nextRule++) {
      const rule = this.#chain.rules[this.#nextRule] as ChainRule;
      const key = this.#ask(rule, stream, ended, hourNow);
      if (key === undefined) continue;
      if (key.outcome === 'need-more' || key.outcome === 'refused') return key;
      return { ...key, rule: this.#nextRule++, consume };
    }
    return { outcome: 'refused', refusal: 'none' };
  }

  #ask(rule: ChainRule, stream: Uint8Array, ended: boolean, hourNow: number): Key | Decision | undefined {
    if (rule.kind === 'address' || (rule.kind === 'proxy-protocol' && this.#proxied !== undefined)) {
      return { outcome: 'address', address: this.#peer.address };
    }
    if (rule.kind === 'proxy-protocol') return undefined;
    if (rule.kind === 'forwarded' && !containsAny(rule.trust, this.#peer.address)) return undefined;

    const from = this.#proxyHeaderBytes ?? 0;
    const head = stream.subarray(from, from + this.#chain.headBytesMax);
    const shape = this.#scan.scan(head);
    if (shape === 'partial' && !ended) {
      return head.length < this.#chain.headBytesMax
        ? { outcome: 'need-more' }
        : { outcome: 'refused', refusal: 'head-too-large' };
    }
    if (shape !== 'complete') return undefined;
    return askHead(this.#chain, rule, parseHead(head.subarray(0, this.#scan.scanned)), hourNow);
  }

  /** The decision if the connection must wait or is refused; undefined if the rules can be applied. */
  #passProxyHeader(stream: Uint8Array, ended: boolean): Decision | undefined {
    const { use, trust, optional } = this.#chain.proxyHeader;
    const trusted = containsAny(trust, this.#peer.address);
    const pass = (bytes: number): undefined => {
      this.#proxyHeaderBytes = bytes;
    };
    if (use === 'ignored' || (!trusted && use === 'consumed')) return pass(0);

    const header = readProxyHeader(stream, this.#chain.headBytesMax);
    if (!trusted) {
      if (header.version === 2) return { outcome: 'refused', refusal: 'proxy-header-untrusted' };
      return header.shape === 'partial' && header.version === 0 && !ended
        ? { outcome: 'need-more' }
        : pass(0);
    }
    if (header.shape === 'partial' && !ended) return { outcome: 'need-more' };
    if (header.version === 0) {
      return optional ? pass(0) : { outcome: 'refused', refusal: 'proxy-header-missing' };
    }
    const unwanted = use === 'kept' && header.version === 1;
    if (unwanted || (header.shape !== 'silent' && header.shape !== 'proxied')) {
      return { outcome: 'refused', refusal: 'proxy-header-malformed' };
    }
    if (header.shape === 'proxied') {
      this.#proxied = header.source;
      this.#peer = header.source;
    }
    return pass(header.length);
  }
}

function askHead(chain: AffinityChain, rule: ChainRule, head: RequestHead, hourNow: number): Key | undefined {
  const cookies = (): { name: string; value: string }[] =>
    head.lines.filter((line) => line.name === 'cookie').flatMap((line) => cookiePairs(line.value));

  switch (rule.kind) {
    case 'forwarded': {
      const address = findForwardedClient(head.lines, rule.header, rule.trust);
      return address === undefined ? undefined : { outcome: 'address', address };
    }
    case 'affinity-cookie':
      for (const { name, value } of cookies()) {
        const slot =
          name === chain.cookie.name ? readAffinityCookie(value, chain.cookie, hourNow) : undefined;
        if (slot !== undefined) return { outcome: 'slot', slot };
      }
      return undefined;
    case 'sid': {
      const place = readEngineIoSid(findQueryParameter(head.target, 'sid') ?? '', chain.sidKey);
      return place === undefined ? undefined : { outcome: 'slot', ...place };
    }
    case 'cookie':
      return byText(cookies().find((cookie) => cookie.name === latin1(rule.name))?.value);
    case 'header': {
      const [line, second] = head.lines.filter((each) => each.name === rule.name);
      return second === undefined ? byText(line?.value) : undefined;
    }
    case 'query': {
      const raw = findQueryParameter(head.target, latin1(rule.name));
      if (raw === undefined || (/[%+]/.test(raw) && raw.length > DECODED_KEY_BYTES_MAX)) return undefined;
      return byText(decodeQueryText(raw));
    }
    default:
      return undefined;
  }
}

function byText(value: string | undefined): Key | undefined {
  if (value === undefined || value === '') return undefined;
  return { outcome: 'text', text: new Uint8Array(Buffer.from(value, 'latin1')) };
}

/** The text's UTF-8 bytes as Latin-1 characters. Heads are read in this form. */
function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

const ANSWERS: Partial<Record<Refusal, string>> = {
  'head-too-large': '431 Request Header Fields Too Large',
  'head-timeout': '408 Request Timeout',
  'too-many-pending': '503 Service Unavailable',
  'too-many-pending-from-address': '503 Service Unavailable',
};

export const typescriptHead: HeadBinding = {
  compile: (chain) => chain as unknown as CompiledChain,
  begin: (chain, peer) => new ChainReading(chain as unknown as AffinityChain, peer),
  sipHash24,
  readAffinityCookie,
  parseAddress,
  refusalAnswer(refusal) {
    const status = ANSWERS[refusal];
    return status === undefined ? '' : `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
  },
};
