/** Compiles the option `affinity` into a chain: the rules that find a connection's client key. */

import {
  type Affinity,
  type AffinityName,
  type AffinityRule,
  affinityNames,
  type CookieRule,
  type ForwardedRule,
  type ProxyProtocolRule,
  type Trust,
} from '../affinity-options.js';
import type { AffinityChain, ChainRule, CookieSeal } from '../binding/typescript/affinity-chain.js';
import { check, unknownOption } from '../checks.js';
import { LimpetError } from '../errors.js';
import { type CookieSettings, HOUR_MS } from './cookie.js';
import { namesOf, ruleOptions } from './rule-options.js';
import {
  addressRule,
  affinityCookieRule,
  forwardedRule,
  headerRule,
  namedCookieRule,
  noProxyHeader,
  proxyHeaderPolicy,
  proxyProtocolRule,
  queryRule,
  socketIoRule,
} from './rules.js';
import { packTrust } from './trust.js';

export interface AffinitySettings {
  readonly affinity: Affinity;
  /** The peers whose PROXY headers and forwarded addresses are believed, if a rule has no `trust` of its own. */
  readonly trust: Trust;
  readonly proxyProtocol: 'required' | 'optional';
  readonly cookieMaxAgeMs: number;
  readonly headBytes: number;
  /** 16 bytes each. */
  readonly cookieKey: Uint8Array;
  readonly sidKey: Uint8Array;
  /** The name of this machine in cookies: letters, digits, `-` and `_`. */
  readonly node: string;
  /** Whether the workers read PROXY version 2 headers themselves. */
  readonly keepProxyHeader: boolean;
}

export interface CompiledAffinity {
  readonly chain: AffinityChain;
  /** The name of each rule of the chain, for `explain` and status. */
  readonly labels: readonly string[];
  /** Whether a rule needs bytes of the stream, so that a connection cannot be placed at accept. */
  readonly peeks: boolean;
  /** Whether a rule reads the request head. With TLS there is no head to read. */
  readonly readsHead: boolean;
  /** The settings with which workers set limpet's own cookie; undefined if `cookie` is not a rule. */
  readonly cookie: CookieSettings | undefined;
}

interface ObjectRule extends Partial<Record<string, unknown>> {
  readonly by?: unknown;
}

/** Rules that may occur once, because their options hold for the whole chain. */
const ONCE: readonly AffinityName[] = ['proxy-protocol', 'cookie'];

/**
 * The rules stay in their order. The last one is `address`.
 * @throws LimpetError ERR_LIMPET_OPTION if `affinity` or `trust` is invalid.
 */
export function compileAffinity(settings: AffinitySettings): CompiledAffinity {
  const checked = checkedRules(settings.affinity);
  // Checked even if no rule uses it, so that a misspelt name is reported at the start.
  packTrust(settings.trust);
  const rules = checked.map((rule) => compileRule(rule, settings));
  const proxied = checked.find(
    (rule): rule is ProxyProtocolRule => 'by' in rule && rule.by === 'proxy-protocol',
  );
  const cookie = checked.find((rule): rule is CookieRule => 'by' in rule && rule.by === 'cookie');
  const seal = sealOf(cookie, settings);
  return {
    chain: {
      rules,
      proxyHeader: proxied
        ? proxyHeaderPolicy(withDefaults(proxied, settings), settings.keepProxyHeader)
        : noProxyHeader,
      cookie: seal,
      sidKey: settings.sidKey,
      headBytesMax: settings.headBytes,
    },
    labels: checked.map(labelOf),
    peeks: rules.some(({ kind }) => kind !== 'address'),
    readsHead: rules.some(({ kind }) => kind !== 'address' && kind !== 'proxy-protocol'),
    cookie: cookie === undefined ? undefined : { seal, attributes: attributesOf(cookie) },
  };
}

/** The names of the rules, such as `cookie, header x-user, address`. @throws LimpetError ERR_LIMPET_OPTION if `affinity` is invalid. */
export function describeAffinity(affinity: Affinity): string {
  return checkedRules(affinity).map(labelOf).join(', ');
}

type CheckedRule = Exclude<AffinityRule, string>;

/** The rules up to the first `address`, which always yields a key. If there is no `address`, it is added. */
function checkedRules(affinity: Affinity): CheckedRule[] {
  const list = (Array.isArray(affinity) ? affinity : [affinity]) as AffinityRule[];
  if (list.length === 0) throw badRule(list, 'at least one rule');
  const rules = [...list, 'address' as const].map(checkRule);
  for (const name of ONCE) {
    const alike = rules.filter((rule) => 'by' in rule && rule.by === name);
    if (alike.length > 1) throw badRule(alike[1], `${name} once`);
  }
  const end = rules.findIndex((rule) => 'by' in rule && rule.by === 'address');
  return rules.slice(0, end + 1);
}

function checkRule(rule: AffinityRule): CheckedRule {
  if (typeof rule === 'string') {
    if (!affinityNames.includes(rule)) throw unknownOption(rule, affinityNames, 'affinity');
    return { by: rule } as CheckedRule;
  }
  if (typeof rule !== 'object' || rule === null) throw badRule(rule, 'a name or an object');
  const { by, ...options } = rule as ObjectRule;
  if (by === undefined) {
    const [key, ...others] = Object.keys(options);
    const value = options[key ?? ''];
    const names = namesOf.get(key ?? '');
    if (!names || others.length > 0) throw badRule(rule, '{ header }, { query }, { cookie } or { by, … }');
    if (typeof value !== 'string' || !names.test(value)) throw badRule(rule, `the name of a ${key}`);
    return rule as CheckedRule;
  }
  if (!affinityNames.includes(by as AffinityName)) throw unknownOption(`${by}`, affinityNames, 'affinity');
  check(options, ruleOptions[by as AffinityName], `option of affinity ${by}`);
  return rule as CheckedRule;
}

function compileRule(rule: CheckedRule, settings: AffinitySettings): ChainRule {
  if ('header' in rule && !('by' in rule)) return headerRule(rule.header);
  if ('query' in rule) return queryRule(rule.query);
  if (!('by' in rule)) return namedCookieRule(rule.cookie);
  switch (rule.by) {
    case 'address':
      return addressRule;
    case 'proxy-protocol':
      return proxyProtocolRule;
    case 'forwarded':
      return forwardedRule(rule as ForwardedRule, settings.trust);
    case 'cookie':
      return affinityCookieRule;
    case 'socket.io':
      return socketIoRule;
  }
}

function labelOf(rule: CheckedRule): string {
  if ('by' in rule) return rule.by;
  const [[kind, name] = []] = Object.entries(rule);
  return `${kind} ${name}`;
}

function withDefaults(rule: ProxyProtocolRule, settings: AffinitySettings): Required<ProxyProtocolRule> {
  return {
    by: 'proxy-protocol',
    trust: rule.trust ?? settings.trust,
    optional: rule.optional ?? settings.proxyProtocol === 'optional',
  };
}

function sealOf(rule: CookieRule | undefined, settings: AffinitySettings): CookieSeal {
  return {
    name: rule?.name ?? 'limpet',
    node: settings.node,
    key: settings.cookieKey,
    hoursMax: Math.ceil((rule?.maxAgeMs ?? settings.cookieMaxAgeMs) / HOUR_MS),
  };
}

function attributesOf({ by, name, maxAgeMs, ...attributes }: CookieRule): CookieSettings['attributes'] {
  return attributes;
}

function badRule(rule: unknown, expected: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_OPTION',
    `option affinity: got ${JSON.stringify(rule)}, expected ${expected}. Names are ${affinityNames.join(', ')}.`,
    { option: 'affinity', value: rule, expected },
  );
}
