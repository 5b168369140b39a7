/** The client of a request that Node has parsed: what the affinity rules find, with the same reader that places connections. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { headBinding } from '../binding/head-binding.js';
import type { AffinityChain, ChainRule } from '../binding/typescript/affinity-chain.js';
import type { CompiledChain } from '../binding/typescript/head-calls.js';
import { parseAddress } from '../binding/typescript/ip-address.js';
import { findQueryParameter } from '../binding/typescript/query-string.js';
import { HOUR_MS } from './cookie.js';
import { HourlyCache } from './hourly-cache.js';

export interface ClientIdentity {
  /** The slot in the client's cookie or sid; undefined if it brought none. */
  readonly slot: number | undefined;
  /** The generation of the worker in the client's sid; undefined without a sid. */
  readonly generation: number | undefined;
  /** The client key for the ring: an address of 16 bytes, or the bytes of a text. Undefined if no rule knew the client. */
  readonly key: Uint8Array | undefined;
  /** Whether `key` is an address. */
  readonly byAddress: boolean;
  /** Whether the connection's first request had the same identity, so that the connection was placed by it. */
  readonly first: boolean;
}

type Reading = Omit<ClientIdentity, 'first'>;

/** Rules whose result depends only on the text that they read. The peer's address and the split into header lines do not matter. */
const peerIndependent: readonly ChainRule['kind'][] = ['affinity-cookie', 'cookie', 'sid', 'query'];

/** The identity of a connection's last request, and the inputs of its first and its last request. */
interface LastIdentity {
  readonly firstInput: string;
  readonly input: string;
  readonly hour: number;
  readonly identity: ClientIdentity;
}

/** The last identity is kept on the socket. For each request that is faster than a WeakMap. */
const lastIdentity: unique symbol = Symbol('limpet.lastIdentity');
type SocketWithIdentity = Socket & { [lastIdentity]?: LastIdentity };

type RuleInput = (request: IncomingMessage) => string;

/** All parts of a request that the rule can read, as one text. */
function inputOf(rule: ChainRule): RuleInput {
  switch (rule.kind) {
    case 'header':
      return ({ headers }) => `${headers[rule.name] ?? ''}`;
    case 'forwarded':
      return ({ headers }) => `${headers['x-forwarded-for'] ?? ''}\n${headers.forwarded ?? ''}`;
    case 'sid':
      return ({ url = '' }) => fromSidOn(url);
    case 'query':
      return ({ url = '' }) => url;
    default:
      return ({ headers }) => headers.cookie ?? '';
  }
}

/**
 * The URL from its sid on. Engine.IO's clients write the sid after the parameters that change with each request. A regular expression
 * would take three times as long.
 */
function fromSidOn(url: string): string {
  // The parameter's name may be percent-encoded.
  if (url.includes('%')) return url;
  for (let at = url.indexOf('sid='); at > 0; at = url.indexOf('sid=', at + 1)) {
    const before = url[at - 1];
    if (before === '?' || before === '&') return url.slice(at);
  }
  return '';
}

export class ClientIdentityReader {
  readonly #rules: readonly ChainRule[];
  readonly #chain: CompiledChain;
  /** For each rule, what it can read. */
  readonly #inputs: readonly RuleInput[];
  /** Whether a rule reads limpet's cookie, which expires. All other rules give the same result at any time. */
  readonly #expires: boolean;
  /** The results of all connections; undefined if the result depends on the connection, too. */
  readonly #cache: HourlyCache<Reading> | undefined;

  /**
   * `proxied`: for connections that began with a PROXY header, or for all others. The list of rules stops before the first rule that uses
   * the connection's address. That rule was applied at accept.
   */
  constructor(chain: AffinityChain, { proxied }: { readonly proxied: boolean }) {
    const rules = chain.rules.filter(({ kind }) => proxied || kind !== 'proxy-protocol');
    this.#rules = rules.slice(
      0,
      rules.findIndex(({ kind }) => kind === 'address' || kind === 'proxy-protocol'),
    );
    this.#inputs = this.#rules.map(inputOf);
    this.#expires = this.#rules.some(({ kind }) => kind === 'affinity-cookie');
    this.#cache = this.#rules.every(({ kind }) => peerIndependent.includes(kind))
      ? new HourlyCache()
      : undefined;
    this.#chain = headBinding().compile({
      ...chain,
      rules: [...this.#rules, { kind: 'address' }],
      proxyHeader: { use: 'ignored', optional: true, trust: new Uint8Array() },
      // Node's parser has applied its own limit.
      headBytesMax: 0x7fffffff,
    });
  }

  /**
   * Requests with the same input are read once on each connection. If the connection does not matter, they are read once an hour in the
   * whole process.
   */
  of(request: IncomingMessage): ClientIdentity {
    // Most routers have one rule. Then no texts need to be joined.
    const input =
      this.#inputs.length === 1
        ? (this.#inputs[0] as RuleInput)(request)
        : this.#inputs.map((of) => of(request)).join('\n');
    const hour = this.#expires ? Math.floor(Date.now() / HOUR_MS) : 0;
    const socket: SocketWithIdentity = request.socket;
    const last = socket[lastIdentity];
    if (last?.input === input && last.hour === hour) return last.identity;
    const firstInput = last?.firstInput ?? input;
    const read = () => this.#read(request, hour);
    const { slot, generation, key, byAddress } =
      this.#cache?.of(this.#cacheKey(request), hour, read) ?? read();
    const identity = { slot, generation, key, byAddress, first: input === firstInput };
    socket[lastIdentity] = { firstInput, input, hour, identity };
    return identity;
  }

  /** Cache key. Two requests with different results never share a key. */
  #cacheKey(request: IncomingMessage): string {
    const part = ({ kind }: ChainRule, at: number) =>
      kind === 'sid'
        ? (findQueryParameter(request.url ?? '', 'sid') ?? '')
        : (this.#inputs[at] as RuleInput)(request);
    return this.#rules.length === 1 ? part(this.#rules[0] as ChainRule, 0) : this.#rules.map(part).join('\n');
  }

  #read({ method, url, rawHeaders, socket }: IncomingMessage, hour: number): Reading {
    let head = `${method} ${url} HTTP/1.1\r\n`;
    for (let i = 0; i < rawHeaders.length; i += 2) head += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`;
    const bytes = Buffer.from(`${head}\r\n`, 'latin1');
    const address = parseAddress(socket.remoteAddress?.split('%')[0] ?? '') ?? new Uint8Array(16);
    const reading = headBinding().begin(this.#chain, { address, port: 0 });
    let decision = reading.decide(bytes, true, hour);
    let slot: number | undefined;
    let generation: number | undefined;
    while (decision.outcome === 'slot') {
      if (slot === undefined) ({ slot, generation } = decision);
      decision = reading.decide(bytes, true, hour);
    }
    if (decision.outcome === 'text') return { slot, generation, key: decision.text, byAddress: false };
    if (decision.outcome !== 'address' || decision.rule === this.#rules.length) {
      return { slot, generation, key: undefined, byAddress: false };
    }
    return { slot, generation, key: decision.address, byAddress: true };
  }
}
