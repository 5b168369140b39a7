import { isIP } from 'node:net';
import type { Affinity } from '../affinity-options.js';
import { check, integer, milliseconds, oneOf, type Rule } from '../checks.js';
import { LimpetError } from '../errors.js';
import { slotsMax } from '../options.js';
import { type EdgeAffinity, edgeAffinity } from './client-keys.js';

/** A machine that runs limpet. */
export interface EdgeNode {
  /** An address, or a name that the proxy can look up. */
  readonly host: string;
  /** For people, and for HAProxy's numbering of servers: letters, digits, `.`, `_`, `-`. By default the host. */
  readonly name?: string;
  /** Where it differs from the others'. */
  readonly workers?: number;
  /** Where it differs from the others'. */
  readonly port?: number;
  /** Where it differs from the others'. */
  readonly directPort?: number;
}

/** TLS that ends at the proxy. */
export interface EdgeTls {
  /** A PEM file with the certificate chain. */
  readonly certificate: string;
  /** A PEM file with the key; by default the certificate's own file. HAProxy takes that, or `<certificate>.key`. */
  readonly key?: string;
}

/** From what a proxy's configuration is written. */
export interface EdgeSettings {
  /** Hosts, or hosts with what differs. */
  readonly nodes: readonly (string | EdgeNode)[];
  /** Workers of each node: its router's option `workers`, as a number, 1 to 256. */
  readonly workers: number;
  /**
   * `direct`: HTTP to the port of each worker, over connections that all clients share. `shared`: to each node's shared port, each connection
   * with a PROXY header, and limpet chooses the worker. Default: `direct` where there is a `directPort`.
   */
  readonly via?: 'direct' | 'shared';
  /** The shared port. */
  readonly port?: number;
  /** The first of each node's direct ports. */
  readonly directPort?: number;
  /** The routers' own option. Default `address`. */
  readonly affinity?: Affinity;
  /** Where clients come: a port, or `host:port`; several in a list. Default 443 with TLS, else 80. */
  readonly listen?: number | string | readonly (number | string)[];
  /** Ends TLS at the proxy. */
  readonly tls?: EdgeTls;
  /** The routers' own option. */
  readonly healthPath?: string;
  /** The routers' own option, of which HAProxy's key for cookies is derived. */
  readonly secret?: string;
  /** Addresses and CIDRs of load balancers in front of the proxy, whose X-Forwarded-For ends with the client. Nobody by default. */
  readonly trust?: readonly string[];
  /** HAProxy: no server gets more than so many times the mean of requests, 1.01 to 10; a client whose server has goes elsewhere. Off by default. */
  readonly maxLoad?: number;
  /** How long an answer, a poll or a WebSocket may be silent, in ms. Default an hour. */
  readonly quietMs?: number;
  /** The proxy's version, such as '1.29.6'. Default: the oldest that is served, nginx 1.18 or HAProxy 2.6. */
  readonly version?: string;
}

/** One server as the proxy sees it. */
export interface EdgeServer {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly workers: number;
}

export interface CheckedEdge {
  readonly servers: readonly EdgeServer[];
  readonly via: 'direct' | 'shared';
  readonly affinity: EdgeAffinity;
  readonly listens: readonly string[];
  readonly tls: EdgeTls | undefined;
  readonly healthPath: string | undefined;
  readonly secret: string | undefined;
  readonly trust: readonly string[];
  readonly maxLoad: number;
  readonly quietMs: number;
  readonly version: readonly number[];
}

const port: Rule = { ...integer(1, 65_535, 0), fallback: undefined };
const workers: Rule = { ...integer(1, slotsMax, 0), fallback: undefined };
const host: Rule = {
  expected: 'an IP address or a host name',
  ok: (v) => typeof v === 'string' && (isIP(v) > 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(v)),
};
/** No blank, quote, brace or semicolon: nothing that ends a word in either language. */
const file: Rule = {
  expected: 'the path of a file, without blanks, quotes and semicolons',
  ok: (v) => typeof v === 'string' && /^[\w./@%+=:,-]+$/.test(v),
};
const nodeRules: Record<keyof EdgeNode, Rule> = {
  host,
  name: {
    expected: 'letters, digits, dots, underlines and hyphens',
    ok: (v) => typeof v === 'string' && /^[\w.-]+$/.test(v),
  },
  workers,
  port,
  directPort: port,
};
const tlsRules: Record<keyof EdgeTls, Rule> = { certificate: file, key: file };
const settingRules: Record<keyof EdgeSettings, Rule> = {
  nodes: { expected: 'a list of hosts, at least one', ok: (v) => Array.isArray(v) && v.length > 0 },
  workers,
  via: { ...oneOf(['direct', 'shared'], undefined) },
  port,
  directPort: port,
  affinity: { expected: 'a rule or a list of rules', ok: () => true, fallback: 'address' },
  listen: { expected: 'a port, host:port, or a list of such', ok: () => true },
  tls: { expected: 'an object with a certificate', ok: (v) => typeof v === 'object' && v !== null },
  healthPath: {
    expected: "a path such as '/health'",
    ok: (v) => typeof v === 'string' && /^\/[\w.~/-]*$/.test(v),
  },
  secret: {
    expected: 'a text of at least 16 bytes',
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

/** Throws ERR_LIMPET_OPTION for whatever is unknown, wrong, or makes no sense together. `oldest` is the oldest version that is served. */
export function checkEdge(settings: EdgeSettings, proxy: string, oldest: string): CheckedEdge {
  const given = check({ ...settings }, settingRules, 'edge setting') as unknown as EdgeSettings;
  const { affinity = 'address', secret, trust = [], maxLoad = 0, quietMs = 0, healthPath } = given;
  if (given.nodes === undefined) throw missing('nodes', 'the machines that run limpet');
  const via = given.via ?? (given.directPort === undefined ? 'shared' : 'direct');
  const tls = given.tls && (check({ ...given.tls }, tlsRules, 'edge setting tls') as unknown as EdgeTls);
  if (tls && tls.certificate === undefined) throw missing('tls.certificate', 'a PEM file');
  const version = parts(given.version ?? oldest);
  if (isOlder(version, parts(oldest))) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      `edge setting version: ${given.version} is older than ${proxy} ${oldest}, the oldest that is served.`,
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

/** Whether the proxy's version is that or a later one. */
export function isSince(version: readonly number[], since: string): boolean {
  return !isOlder(version, parts(since));
}

/** `host:port` in the way of both languages. */
export function endpoint(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
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
    if (workers === undefined) throw missing('workers', 'how many workers each node has');
    const label = name ?? host.replaceAll(':', '-');
    if (via === 'shared') {
      const port = own.port ?? given.port;
      if (port === undefined) throw missing('port', "the nodes' shared port");
      return { name: label, host, port, workers };
    }
    const base = own.directPort ?? given.directPort;
    if (base === undefined) throw missing('directPort', "the first of the nodes' direct ports");
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
  return new LimpetError('ERR_LIMPET_OPTION', `edge setting ${option} is missing: ${what}.`, { option });
}

function clash(mark: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_OPTION',
    `edge setting nodes: ${mark} is there twice, or its port is over 65535. Every server has a name and an address of its own.`,
    { option: 'nodes', value: mark },
  );
}
