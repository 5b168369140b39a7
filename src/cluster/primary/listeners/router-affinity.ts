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

const keyBytes = 16;
const nodeCharacters = 8;

/** The option `affinity`, compiled with keys that are derived from the router's secret. By it the router tells clients apart. */
export class RouterAffinity {
  /** The rules in words, as in `cookie, header x-user, address`. */
  readonly label: string;
  /** True if a worker may have to forward a request to a peer, because a rule reads requests. */
  readonly forwardsRequests: boolean;
  /** True if a client that no rule recognizes goes to the slot with the fewest open connections. */
  readonly spreadEvenly: boolean;
  readonly #options: CheckedRouterOptions;
  readonly #cookieKey: Uint8Array;
  readonly #sidKey: Uint8Array;
  readonly #node: string;
  #directory: string | undefined;

  /** Throws ERR_LIMPET_OPTION if a rule is wrong, or if `spread` needs a rule that is missing. */
  constructor(options: CheckedRouterOptions, secret: string) {
    this.#options = options;
    this.#cookieKey = deriveKey(secret, 'cookie', keyBytes);
    this.#sidKey = deriveKey(secret, 'sid', keyBytes);
    // Cookies carry this hash, so that no client learns the machine's name.
    this.#node = createHmac('sha256', deriveKey(secret, 'node', 32))
      .update(options.node ?? hostname())
      .digest('base64url')
      .slice(0, nodeCharacters);
    this.label = describeAffinity(options.affinity);
    const { chain, readsHead } = this.#compileChain({ keepProxyHeader: false });
    this.forwardsRequests = readsHead;
    this.spreadEvenly = options.spread === 'least-connections';
    const clientsCarrySlot = chain.rules.some(({ kind }) => kind === 'affinity-cookie' || kind === 'sid');
    if (this.spreadEvenly && !clientsCarrySlot) throw spreadNeedsCarrier(this.label);
  }

  /** Warns of the rules that never yield a key, because they believe proxies and `trust` names none. */
  warnOfIdleRules(): void {
    const idle = idleRules(this.#compileChain({ keepProxyHeader: false }).chain);
    if (idle.length === 0) return;
    warn(
      'LIMPET_NO_TRUST',
      `affinity by ${idle.join(' and ')} believes proxies, and trust names none: the next rule decides for every client. ` +
        "Set trust to the proxy's address, as in trust: '10.0.0.7' or 'loopback' (docs/affinity.md).",
    );
  }

  /** The rules for a server of this kind. Throws ERR_LIMPET_AFFINITY_TLS if TLS hides a request head that a rule must read. */
  compile({ kind, tls }: ServerTraits): CompiledAffinity {
    // A uWebSockets.js server reads the PROXY header and decrypts TLS itself.
    const affinity = this.#compileChain({ keepProxyHeader: kind === 'uws' });
    if (affinity.readsHead && tls && kind === 'uws') throw hiddenByTls(this.label);
    return affinity;
  }

  /** The {@link AffinitySettings} of a worker, serialized. The first call makes the directory of the peer sockets, if requests may be forwarded. */
  serializeSettings(ring: SlotRing): string {
    const { cookie, chain, readsHead } = this.#compileChain({ keepProxyHeader: false });
    const { size: slots, buckets, key, ipv6Prefix } = ring;
    const forwarding = readsHead
      ? { directory: this.#makeDirectory(), chain, ring: { slots, buckets, key, ipv6Prefix } }
      : undefined;
    const proxied = chain.proxyHeader.use !== 'ignored';
    const settings: AffinitySettings = { cookie, sidKey: this.#sidKey, proxied, forwarding };
    return serialize(settings).toString('base64');
  }

  /** Removes the directory of the peer sockets. Call it when no worker is left. */
  close(): void {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
  }

  /** A directory that only this user can open. On Windows, a name for pipes that nobody can guess. */
  #makeDirectory(): string {
    this.#directory ??=
      process.platform === 'win32'
        ? `limpet-${randomBytes(8).toString('hex')}`
        : mkdtempSync(join(tmpdir(), 'limpet-'));
    return this.#directory;
  }

  #compileChain({ keepProxyHeader }: { keepProxyHeader: boolean }): CompiledAffinity {
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
    `option spread: 'least-connections' needs clients that carry their slot, and clients of affinity ${affinity} do not. ` +
      "Add 'cookie' or 'socket.io' to affinity.",
    { option: 'spread', affinity },
  );
}

function hiddenByTls(affinity: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_AFFINITY_TLS',
    `affinity by ${affinity} must read request heads, and only this uWebSockets.js app can decrypt them. ` +
      "End TLS in front of limpet, or use the affinity 'address' or 'proxy-protocol'.",
    { affinity },
  );
}
