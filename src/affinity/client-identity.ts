/** Whose a request is: what the rules say of requests that Node has parsed, by the same reader as reads their connections. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { headBinding } from '../binding/head-binding.js';
import type { AffinityChain, ChainRule } from '../binding/typescript/affinity-chain.js';
import type { CompiledChain } from '../binding/typescript/head-calls.js';
import { parseAddress } from '../binding/typescript/ip-address.js';
import { findQueryParameter } from '../binding/typescript/query-string.js';
import { HOUR_MS } from './cookie.js';
import { HourlyCache } from './hourly-cache.js';

/** What a request says of its client. */
export interface ClientIdentity {
  /** The slot that the client brought, sealed. */
  readonly slot: number | undefined;
  /** With a sid: which of the slot's processes. */
  readonly generation: number | undefined;
  /** What the ring is asked with: an address of 16 bytes or a text's bytes. Undefined where no rule knew the client. */
  readonly key: Uint8Array | undefined;
  readonly byAddress: boolean;
  /** The connection was placed by this claim: its first request said the same. */
  readonly first: boolean;
}

type Reading = Omit<ClientIdentity, 'first'>;

/** Rules that read alike whoever the peer is, and however what they read is spread over header lines. */
const peerIndependent: readonly ChainRule['kind'][] = ['affinity-cookie', 'cookie', 'sid', 'query'];

interface Remembered {
  readonly firstSaid: string;
  readonly said: string;
  readonly hour: number;
  readonly claim: ClientIdentity;
}

/** The last claim of a connection is kept on its socket: found faster than in a WeakMap, for each request. */
const lastIdentity: unique symbol = Symbol('limpet.lastClaim');
type SocketWithIdentity = Socket & { [lastIdentity]?: Remembered };

type RuleInput = (request: IncomingMessage) => string;

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

/** Engine.IO's clients write it last, behind what changes with each request. By hand: a regular expression takes three times as long. */
function fromSidOn(url: string): string {
  // Its name can be written with %, too.
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
  /** All of a request that each rule may look at. */
  readonly #saidTo: readonly RuleInput[];
  /** A seal runs out; all else reads alike at any time, and the clock need not be asked. */
  readonly #sealed: boolean;
  /** What was read on any connection, where it would be read alike on every other; undefined where not. */
  readonly #read: HourlyCache<Reading> | undefined;

  /**
   * Of connections whose clients PROXY headers told, or of those without. The rules from the first on that decides by the connection are
   * left out: it is placed already.
   */
  constructor(chain: AffinityChain, { proxied }: { readonly proxied: boolean }) {
    const rules = chain.rules.filter(({ kind }) => proxied || kind !== 'proxy-protocol');
    this.#rules = rules.slice(
      0,
      rules.findIndex(({ kind }) => kind === 'address' || kind === 'proxy-protocol'),
    );
    this.#saidTo = this.#rules.map(inputOf);
    this.#sealed = this.#rules.some(({ kind }) => kind === 'affinity-cookie');
    this.#read = this.#rules.every(({ kind }) => peerIndependent.includes(kind))
      ? new HourlyCache()
      : undefined;
    this.#chain = headBinding().compile({
      ...chain,
      rules: [...this.#rules, { kind: 'address' }],
      proxyHeader: { use: 'ignored', optional: true, trust: new Uint8Array() },
      // Node's parser has its own limit, and kept to it.
      headBytesMax: 0x7fffffff,
    });
  }

  /** Requests that say the same are read once: on a connection, and, where who says it does not matter, in an hour. */
  of(request: IncomingMessage): ClientIdentity {
    // Mostly there is one rule, and no text to be put together.
    const said =
      this.#saidTo.length === 1
        ? (this.#saidTo[0] as RuleInput)(request)
        : this.#saidTo.map((to) => to(request)).join('\n');
    const hour = this.#sealed ? Math.floor(Date.now() / HOUR_MS) : 0;
    const socket: SocketWithIdentity = request.socket;
    const last = socket[lastIdentity];
    if (last?.said === said && last.hour === hour) return last.claim;
    const firstSaid = last?.firstSaid ?? said;
    const read = () => this.#reading(request, hour);
    const { slot, generation, key, byAddress } = this.#read?.of(this.#exactly(request), hour, read) ?? read();
    const claim = { slot, generation, key, byAddress, first: said === firstSaid };
    socket[lastIdentity] = { firstSaid, said, hour, claim };
    return claim;
  }

  /** What the rules find to read: no other client's request that reads otherwise has the same text. */
  #exactly(request: IncomingMessage): string {
    const read = ({ kind }: ChainRule, at: number) =>
      kind === 'sid'
        ? (findQueryParameter(request.url ?? '', 'sid') ?? '')
        : (this.#saidTo[at] as RuleInput)(request);
    return this.#rules.length === 1 ? read(this.#rules[0] as ChainRule, 0) : this.#rules.map(read).join('\n');
  }

  #reading({ method, url, rawHeaders, socket }: IncomingMessage, hour: number): Reading {
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
    if (decision.outcome === 'text')
      return { slot, generation: generation, key: decision.text, byAddress: false };
    if (decision.outcome !== 'address' || decision.rule === this.#rules.length) {
      return { slot, generation: generation, key: undefined, byAddress: false };
    }
    return { slot, generation: generation, key: decision.address, byAddress: true };
  }
}
