import { type Affinity, type AffinityRule, affinityNames } from '../affinity-options.js';
import { LimpetError } from '../errors.js';

/** What a proxy can tell a client by. The address is the end of every list. */
export interface ClientKey {
  readonly by: 'header' | 'query' | 'cookie';
  readonly name: string;
}

export interface EdgeAffinity {
  /** Whether the proxy gives out a cookie of its own, which decides before all else. */
  readonly ownCookie: boolean;
  /** In the order in which they are looked for; then comes the address. */
  readonly keys: readonly ClientKey[];
}

/** Rules that mean the client's address, wherever a router has it from: the proxy sees it itself. */
const addressRules = ['address', 'forwarded', 'proxy-protocol'];

/**
 * What of a router's affinity a proxy can do. A Socket.IO session needs no rule there: all of a client's requests go one way.
 * Throws ERR_LIMPET_OPTION for what no affinity is, or no proxy can do.
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
    throw badAffinity(rule, `the name of a ${by}, of letters, digits, hyphens and underlines`);
  }
  return { by, name };
}

function cookieFirst(affinity: Affinity): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_OPTION',
    "edge setting affinity: 'cookie' comes after another rule, and a proxy looks at its own cookie before all else. Put it first.",
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
