import { type Affinity, type AffinityRule, affinityNames } from '../affinity-options.js';
import { LimpetError } from '../errors.js';

/** A part of a request by which a proxy can identify a client. */
export interface ClientKey {
  readonly by: 'header' | 'query' | 'cookie';
  readonly name: string;
}

export interface EdgeAffinity {
  /** Whether the proxy sets a cookie of its own, which decides before everything else. */
  readonly ownCookie: boolean;
  /** In the order in which the proxy looks for them. If a request has none, the address decides. */
  readonly keys: readonly ClientKey[];
}

/** The rules whose key is the client's address. The proxy sees the address itself. */
const addressRules = ['address', 'forwarded', 'proxy-protocol'];

/**
 * Translates a router's affinity for a proxy. A Socket.IO session needs no rule in the proxy, because all requests of a client go to
 * one server. Throws ERR_LIMPET_OPTION for an invalid affinity, and for one that no proxy supports.
 */
export function edgeAffinity(affinity: Affinity): EdgeAffinity {
  const rules = (Array.isArray(affinity) ? affinity : [affinity]) as readonly AffinityRule[];
  const keys: ClientKey[] = [];
  let ownCookie = false;
  for (const rule of rules) {
    const name = typeof rule === 'string' ? rule : 'by' in rule ? rule.by : undefined;
    if (name === undefined) keys.push(clientKey(rule as Record<string, unknown>));
    else if (addressRules.includes(name)) break;
    else if (name === 'cookie') {
      if (keys.length > 0) throw cookieFirst(affinity);
      ownCookie = true;
    } else if (name !== 'socket.io') throw badAffinity(affinity, `one of ${affinityNames.join(', ')}`);
  }
  return { ownCookie, keys };
}

function clientKey(rule: Record<string, unknown>): ClientKey {
  const [[by, name] = [], ...others] = Object.entries(rule ?? {});
  const known = by === 'header' || by === 'query' || by === 'cookie';
  if (!known || others.length > 0) throw badAffinity(rule, '{ header }, { query } or { cookie }');
  if (typeof name !== 'string' || !/^[A-Za-z0-9][\w-]*$/.test(name)) {
    throw badAffinity(rule, `the name of a ${by}, of letters, digits, hyphens and underscores`);
  }
  return { by, name };
}

function cookieFirst(affinity: Affinity): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_OPTION',
    "edge setting affinity: 'cookie' comes after another rule, but a proxy looks at its own cookie before everything else. Put 'cookie' first.",
    { option: 'affinity', value: affinity },
  );
}

function badAffinity(value: unknown, expected: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_OPTION',
    `edge setting affinity: got ${JSON.stringify(value)}, expected ${expected}.`,
    { option: 'affinity', value, expected },
  );
}
