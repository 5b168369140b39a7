import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { serialize } from 'node:v8';
import { type CompiledAffinity, compileAffinity, describeAffinity } from '../../../affinity/chain.js';
import { idleRules } from '../../../affinity/trust.js';
import { warn } from '../../../diagnostics.js';
import { LimpetError } from '../../../errors.js';
import type { CheckedRouterOptions } from '../../../options.js';
import { deriveKey } from '../../../ring/secret.js';
import type { SlotRing } from '../../../ring/slot-ring.js';
import type { AffinitySettings, ServerTraits } from '../../protocol.js';

const KEY_BYTES = 16;
const NODE_CHARACTERS = 8;

/** How the router tells clients apart: its option `affinity`, compiled with keys of its own. */
export class RouterAffinity {
  /** The rules in words. */
  readonly label: string;
  /** Whether requests may have to be passed on. */
  readonly forwardsRequests: boolean;
  /** Whether clients that no rule knows go to the emptiest slot. */
  readonly spreadEvenly: boolean;
  readonly #options: CheckedRouterOptions;
  readonly #cookieKey: Uint8Array;
  readonly #sidKey: Uint8Array;
  readonly #node: string;
  #directory: string | undefined;

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
    const { chain, readsHead } = this.#compile(false);
    this.forwardsRequests = readsHead;
    const carried = chain.rules.some(({ kind }) => kind === 'affinity-cookie' || kind === 'sid');
    if (options.spread === 'least-connections' && !carried) throw spreadNeedsCarrier(this.label);
    this.spreadEvenly = options.spread === 'least-connections';
  }

  /** Says which rules can never decide, since nobody is trusted. */
  warnOfIdleRules(): void {
    const idle = idleRules(this.#compile(false).chain);
    if (idle.length === 0) return;
    warn(
      'LIMPET_NO_TRUST',
      `affinity by ${idle.join(' and ')} takes the word of proxies, and trust names none: clients go by the rules after it. ` +
        "Set trust to the proxy's address, as in trust: '10.0.0.7' or 'loopback' (docs/affinity.md).",
    );
  }

  /** The rules for a server of this kind. Throws ERR_LIMPET_AFFINITY_TLS where it hides what a rule must see. */
  of(traits: ServerTraits): CompiledAffinity {
    const affinity = this.#compile(traits.kind === 'uws');
    if (affinity.readsHead && traits.tls && traits.kind === 'uws') throw hiddenByTls(this.label);
    return affinity;
  }

  /** An {@link AffinitySettings}, serialized. */
  pass(ring: SlotRing): string {
    const { cookie, chain, readsHead } = this.#compile(false);
    const { size: slots, buckets, key, ipv6Prefix } = ring;
    const forwarding = readsHead
      ? { directory: this.#makeDirectory(), chain, ring: { slots, buckets, key, ipv6Prefix } }
      : undefined;
    const proxied = chain.proxyHeader.use !== 'ignored';
    const pass: AffinitySettings = { cookie, sidKey: this.#sidKey, proxied, forwarding };
    return serialize(pass).toString('base64');
  }

  /** When no worker is left. */
  close(): void {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Of the user alone. */
  #makeDirectory(): string {
    this.#directory ??=
      process.platform === 'win32'
        ? `limpet-${randomBytes(8).toString('hex')}`
        : mkdtempSync(join(tmpdir(), 'limpet-'));
    return this.#directory;
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
