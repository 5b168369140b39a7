import { isIP } from 'node:net';
import { check, integer, milliseconds, oneOf, type Rule } from '../checks.js';
import { LimpetError } from '../errors.js';
import { slotsMax } from '../options.js';
import { edgeAffinity } from './client-keys.js';
import { endpoint } from './configuration-text.js';
import type { CheckedEdge, EdgeNode, EdgeServer, EdgeSettings, EdgeTls } from './settings.js';

const port: Rule = { ...integer(1, 65_535, 0), fallback: undefined };
const workers: Rule = { ...integer(1, slotsMax, 0), fallback: undefined };
const host: Rule = {
  expected: 'an IP address or a host name',
  ok: (v) => typeof v === 'string' && (isIP(v) > 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(v)),
};
/** Excludes every character that ends a word in the language of nginx or HAProxy: blank, quote, brace and semicolon. */
const file: Rule = {
  expected: 'the path of a file, without blanks, quotes and semicolons',
  ok: (v) => typeof v === 'string' && /^[\w./@%+=:,-]+$/.test(v),
};
const nodeRules: Record<keyof EdgeNode, Rule> = {
  host,
  name: {
    expected: 'letters, digits, dots, underscores and hyphens',
    ok: (v) => typeof v === 'string' && /^[\w.-]+$/.test(v),
  },
  workers,
  port,
  directPort: port,
};
const tlsRules: Record<keyof EdgeTls, Rule> = { certificate: file, key: file };
const settingRules: Record<keyof EdgeSettings, Rule> = {
  nodes: { expected: 'a list of at least one host', ok: (v) => Array.isArray(v) && v.length > 0 },
  workers,
  via: { ...oneOf(['direct', 'shared'], undefined) },
  port,
  directPort: port,
  affinity: { expected: 'a rule or a list of rules', ok: () => true, fallback: 'address' },
  listen: { expected: 'a port, host:port, or a list of these', ok: () => true },
  tls: { expected: 'an object with a certificate', ok: (v) => typeof v === 'object' && v !== null },
  healthPath: {
    expected: "a path such as '/health'",
    ok: (v) => typeof v === 'string' && /^\/[\w.~/-]*$/.test(v),
  },
  secret: {
    expected: 'a string of at least 16 bytes',
    ok: (v) => typeof v === 'string' && Buffer.byteLength(v) >= 16,
  },
  trust: {
    expected: 'a list of addresses and CIDRs',
    ok: (v) => Array.isArray(v) && v.every((each) => isIP(String(each).replace(/\/\d{1,3}$/, '')) > 0),
    fallback: [],
  },
  maxLoad: {
    expected: 'a number from 1.01 to 10',
    ok: (v) => Number(v) >= 1.01 && Number(v) <= 10,
    fallback: 0,
  },
  quietMs: milliseconds(3_600_000),
  version: {
    expected: "a version such as '1.29.6'",
    ok: (v) => typeof v === 'string' && /^\d+(\.\d+){1,3}$/.test(v),
  },
};

/** Checks the settings. Throws ERR_LIMPET_OPTION if one is unknown, wrong, or contradicts another. `oldest` is the oldest supported version of the proxy. */
export function checkEdge(settings: EdgeSettings, proxy: string, oldest: string): CheckedEdge {
  const given = check({ ...settings }, settingRules, 'edge setting') as unknown as EdgeSettings;
  const { affinity = 'address', secret, trust = [], maxLoad = 0, quietMs = 0, healthPath } = given;
  if (given.nodes === undefined) throw missing('nodes', 'a list of the machines that run limpet');
  const via = given.via ?? (given.directPort === undefined ? 'shared' : 'direct');
  const tls = given.tls && (check({ ...given.tls }, tlsRules, 'edge setting tls') as unknown as EdgeTls);
  if (tls && tls.certificate === undefined) throw missing('tls.certificate', 'the path of a PEM file');
  const version = parts(given.version ?? oldest);
  if (isOlder(version, parts(oldest))) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      `edge setting version: ${given.version} is older than ${proxy} ${oldest}, the oldest supported version. Update ${proxy}.`,
      { option: 'version', value: given.version, oldest },
    );
  }
  return {
    servers: serversOf(given, via),
    via,
    affinity: edgeAffinity(affinity),
    listens: listensOf(given.listen ?? (tls ? 443 : 80)),
    tls,
    healthPath,
    secret,
    trust,
    maxLoad,
    quietMs,
    version,
  };
}

/** Whether the proxy's version is `since` or later. */
export function isSince(version: readonly number[], since: string): boolean {
  return !isOlder(version, parts(since));
}

export function cannot(proxy: string, why: string, instead: string, option: string): LimpetError {
  return new LimpetError('ERR_LIMPET_OPTION', `edge setting ${option}: ${proxy} ${why}. ${instead}.`, {
    option,
    proxy,
  });
}

function serversOf(given: EdgeSettings, via: 'direct' | 'shared'): EdgeServer[] {
  const servers = given.nodes.flatMap((each) => {
    const node = typeof each === 'string' ? { host: each } : each;
    const { host, name, ...own } = check({ ...node }, nodeRules, 'edge node') as unknown as EdgeNode;
    if (host === undefined) throw missing('host', 'the address of a node');
    const workers = own.workers ?? given.workers;
    if (workers === undefined) throw missing('workers', 'the number of workers of each node');
    const label = name ?? host.replaceAll(':', '-');
    if (via === 'shared') {
      const port = own.port ?? given.port;
      if (port === undefined) throw missing('port', 'the shared port of the nodes');
      return { name: label, host, port, workers };
    }
    const base = own.directPort ?? given.directPort;
    if (base === undefined) throw missing('directPort', 'the first direct port of the nodes');
    return Array.from({ length: workers }, (_, slot) => ({
      name: `${label}-${slot}`,
      host,
      port: base + slot,
      workers: 1,
    }));
  });
  const seen = new Set<string>();
  for (const { name, host, port } of servers) {
    for (const mark of [name, endpoint(host, port)]) {
      if (port > 65_535 || seen.has(mark)) throw clash(mark);
      seen.add(mark);
    }
  }
  return servers;
}

function listensOf(given: unknown): string[] {
  return [given].flat().map((each) => {
    const [, host = '', port = ''] = /^(?:(.*):)?(\d{1,5})$/.exec(String(each)) ?? [];
    const bare = host.replace(/^\[(.*)\]$/, '$1');
    if (!(Number(port) >= 1 && Number(port) <= 65_535) || (bare !== '' && isIP(bare) === 0)) {
      throw new LimpetError(
        'ERR_LIMPET_OPTION',
        `edge setting listen: got ${JSON.stringify(each)}, expected a port, or an address and a port such as 192.0.2.1:80 or [2001:db8::1]:80.`,
        { option: 'listen', value: each },
      );
    }
    return bare === '' ? port : endpoint(bare, Number(port));
  });
}

const parts = (version: string): number[] => version.split('.').map(Number);

function isOlder(one: readonly number[], other: readonly number[]): boolean {
  const at = other.findIndex((part, i) => part !== (one[i] ?? 0));
  return at >= 0 && (one[at] ?? 0) < (other[at] as number);
}

function missing(option: string, what: string): LimpetError {
  return new LimpetError('ERR_LIMPET_OPTION', `edge setting ${option} is missing. Give ${what}.`, { option });
}

function clash(mark: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_OPTION',
    `edge setting nodes: ${mark} occurs twice, or its port is over 65535. Give each node its own name and address, and ports up to 65535.`,
    { option: 'nodes', value: mark },
  );
}
