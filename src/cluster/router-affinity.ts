import { createHmac } from 'node:crypto';
import { hostname } from 'node:os';
import { type CompiledAffinity, compileAffinity, describeAffinity } from '../affinity/chain.js';
import type { CookieSettings } from '../affinity/cookie.js';
import { LimpetError } from '../errors.js';
import type { CheckedRouterOptions } from '../options.js';
import { deriveKey } from '../ring/secret.js';
import type { ServerTraits } from './messages.js';

const KEY_BYTES = 16;
const NODE_CHARACTERS = 8;

/** What a worker must know to give out cookies and session ids that lead back to it; plain JSON. */
export interface AffinityPass {
  readonly cookie: (Omit<CookieSettings, 'seal'> & { readonly seal: SealPass }) | undefined;
  /** Base64. */
  readonly sidKey: string;
}

type SealPass = Omit<CookieSettings['seal'], 'key'> & { readonly key: string };

/** How the router tells clients apart: its option `affinity`, compiled with keys of its own. */
export class RouterAffinity {
  /** The rules in words. */
  readonly label: string;
  /** Whether clients that no rule knows go to the emptiest slot. */
  readonly spreadEvenly: boolean;
  readonly #options: CheckedRouterOptions;
  readonly #cookieKey: Uint8Array;
  readonly #sidKey: Uint8Array;
  readonly #node: string;

  /** Throws ERR_LIMPET_OPTION. */
  constructor(options: CheckedRouterOptions, secret: string) {
    this.#options = options;
    this.#cookieKey = deriveKey(secret, 'cookie', KEY_BYTES);
    this.#sidKey = deriveKey(secret, 'sid', KEY_BYTES);
    // The name itself is nobody's business but ours.
    this.#node = createHmac('sha256', deriveKey(secret, 'node', 32))
      .update(options.node ?? hostname())
      .digest('base64url')
      .slice(0, NODE_CHARACTERS);
    this.label = describeAffinity(options.affinity);
    const { chain } = this.#compile(false);
    const carried = chain.rules.some(({ kind }) => kind === 'affinity-cookie' || kind === 'sid');
    if (options.spread === 'least-connections' && !carried) throw spreadNeedsCarrier(this.label);
    this.spreadEvenly = options.spread === 'least-connections';
  }

  /** The rules for a server of this kind. Throws ERR_LIMPET_AFFINITY_TLS where it hides what a rule must see. */
  of(traits: ServerTraits): CompiledAffinity {
    const affinity = this.#compile(traits.kind === 'uws');
    if (affinity.readsHead && traits.tls && traits.kind === 'uws') throw hiddenByTls(this.label);
    return affinity;
  }

  pass(): AffinityPass {
    const { cookie } = this.#compile(false);
    const key = Buffer.from(this.#cookieKey).toString('base64');
    return {
      cookie: cookie && { ...cookie, seal: { ...cookie.seal, key } },
      sidKey: Buffer.from(this.#sidKey).toString('base64'),
    };
  }

  #compile(keepProxyHeader: boolean): CompiledAffinity {
    return compileAffinity({
      ...this.#options,
      cookieKey: this.#cookieKey,
      sidKey: this.#sidKey,
      node: this.#node,
      keepProxyHeader,
    });
  }
}

function spreadNeedsCarrier(affinity: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_OPTION',
    `option spread: 'least-connections' needs clients that carry their slot, and affinity is ${affinity}. ` +
      "Add 'cookie' or 'socket.io' to affinity.",
    { option: 'spread', affinity },
  );
}

function hiddenByTls(affinity: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_AFFINITY_TLS',
    `affinity by ${affinity} must read request heads, and this uWebSockets.js app decrypts them itself. ` +
      "End TLS in front of limpet, or use the affinity 'address' or 'proxy-protocol'.",
    { affinity },
  );
}
