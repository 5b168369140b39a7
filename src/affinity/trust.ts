/** Trusted peers: lists of addresses, CIDRs and names, in the form of `proxy-addr` and Express. */

import type { Trust } from '../affinity-options.js';
import { headBinding } from '../binding/head-binding.js';
import type { AffinityChain, PackedPrefixes } from '../binding/typescript/affinity-chain.js';
import { containsAny } from '../binding/typescript/ip-address.js';
import { LimpetError } from '../errors.js';

/** `unix` is limpet's own name for the peers of a unix socket, which have no address. The other names are proxy-addr's. */
const NAMES: ReadonlyMap<string, readonly string[]> = new Map([
  ['loopback', ['127.0.0.1/8', '::1/128']],
  ['linklocal', ['169.254.0.0/16', 'fe80::/10']],
  ['uniquelocal', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']],
  ['unix', ['::/128']],
]);

const PREFIX_BYTES = 17;

/** Whether the chain believes PROXY headers or forwarded addresses of the peer. `peer` is an address of 16 bytes. */
export function trustsPeer({ proxyHeader, rules }: AffinityChain, peer: Uint8Array): boolean {
  return (
    containsAny(proxyHeader.trust, peer) ||
    rules.some((rule) => rule.kind === 'forwarded' && containsAny(rule.trust, peer))
  );
}

/** The rules that need a trusted proxy but trust nobody. They never yield a key. */
export function idleRules({ proxyHeader, rules }: AffinityChain): string[] {
  const trustOf = (rule: AffinityChain['rules'][number]) =>
    rule.kind === 'proxy-protocol' ? proxyHeader.trust : rule.kind === 'forwarded' ? rule.trust : undefined;
  return rules.filter((rule) => trustOf(rule)?.length === 0).map(({ kind }) => kind);
}

/**
 * The prefixes of a trust list. An empty list trusts nobody.
 * @throws LimpetError ERR_LIMPET_OPTION if an entry is not a name, an address or a CIDR.
 */
export function packTrust(trust: Trust): PackedPrefixes {
  const entries = (typeof trust === 'string' ? trust.split(',') : [...trust]).map((entry) =>
    `${entry}`.trim(),
  );
  const prefixes = entries.flatMap((entry) => NAMES.get(entry) ?? [entry]);
  const packed = new Uint8Array(prefixes.length * PREFIX_BYTES);
  prefixes.forEach((prefix, index) => {
    packed.set(packPrefix(prefix), index * PREFIX_BYTES);
  });
  return packed;
}

function packPrefix(text: string): Uint8Array {
  const [network = '', length, ...rest] = text.split('/');
  const address = headBinding().parseAddress(network);
  const addressBits = network.includes(':') ? 128 : 32;
  const bits = length === undefined ? addressBits : /^\d{1,3}$/.test(length) ? Number(length) : -1;
  if (address === undefined || rest.length > 0 || bits < 0 || bits > addressBits) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      `trust: got "${text}", expected ${[...NAMES.keys()].join(', ')}, an address, or a CIDR such as 10.0.0.0/8.`,
      { option: 'trust', value: text },
    );
  }
  return Uint8Array.of(...address, bits + 128 - addressBits);
}
