import { integer, type Rule, text } from '../checks.js';
import { routerRules, slotsMax } from '../options.js';

/** One thing that can be set for `limpet start`: by a flag, by the environment, or in limpet.config. */
export interface Setting {
  /** How the flag is written, such as `-w, --workers <n>`. */
  readonly flag: string;
  readonly help: string;
  readonly rule: Rule;
  /** Makes of a flag's or a variable's text what the rule judges. */
  readonly read: (text: string) => unknown;
}

const number = (value: string): unknown => (/^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value);
const asItIs = (value: string): unknown => value;
const ms = '<ms>';

/** `cookie,header:x-user,address`: names, and what is told apart by a header, a query parameter or a cookie; or JSON. */
function affinity(value: string): unknown {
  if (/^\s*[[{]/.test(value)) {
    try {
      return JSON.parse(value);
    } catch {
      return value;
    }
  }
  const rules = value.split(',').map((rule) => {
    const [, by, name] = /^\s*(header|query|cookie):(.+?)\s*$/.exec(rule) ?? [];
    return by === undefined ? rule.trim() : { [by]: name };
  });
  return rules.length === 1 ? rules[0] : rules;
}

const port: Rule = integer(0, 65_535, 0);

/** Of `9100`, `0.0.0.0:9100` or `[::]:9100`; undefined when it is none. */
export function hostAndPort(value: unknown): { host?: string; port: number } | undefined {
  const [, , ipv6, name, digits] =
    /^((?:\[([0-9a-fA-F:.]+)\]|([^:[\]/\s]+)):)?(\d+)$/.exec(String(value)) ?? [];
  if (digits === undefined || !port.ok(Number(digits))) return undefined;
  const host = ipv6 ?? name;
  return { ...(host === undefined ? {} : { host }), port: Number(digits) };
}

const aPortOrPath: Rule = {
  expected: 'a port from 0 to 65535, or the path of a unix-domain socket',
  ok: (v) => (typeof v === 'string' && v.includes('/')) || port.ok(v),
};
const modules: Rule = {
  expected: 'the name of a module, or a list of them',
  ok: (v) => text.ok(v) || (Array.isArray(v) && v.every(text.ok)),
};

function router(
  name: keyof typeof routerRules,
  placeholder: string,
  help: string,
  read: Setting['read'] = number,
  short = '',
): Setting {
  return { flag: `${short}${flagOf(name)} ${placeholder}`, help, rule: routerRules[name], read };
}

/** In the order in which people are told of them. */
export const settings: Readonly<Record<string, Setting>> = {
  workers: router(
    'workers',
    '<n>',
    `worker processes, 1 to ${slotsMax}, or max for one on each core`,
    number,
    '-w, ',
  ),
  port: {
    flag: '-p, --port <port>',
    help: 'where the clients come: the app listens there, or on process.env.PORT; a path is a unix socket. Without it: the first port that the app listens on',
    rule: aPortOrPath,
    read: number,
  },
  host: {
    flag: '--host <host>',
    help: 'instead of the host that the app asks for',
    rule: text,
    read: asItIs,
  },
  name: router(
    'name',
    '<name>',
    'under which the other commands find it; by default as in package.json',
    asItIs,
    '-n, ',
  ),
  affinity: router(
    'affinity',
    '<rules>',
    'what identifies a client: address, cookie, socket.io, forwarded, proxy-protocol, header:NAME, query:NAME, cookie:NAME; several with commas, tried in order',
    affinity,
  ),
  trust: router(
    'trust',
    '<list>',
    'proxies whose word is taken: addresses, CIDRs, loopback, linklocal, uniquelocal',
    asItIs,
  ),
  handoff: router('handoff', '<how>', 'auto, kernel, fd or ipc', asItIs),
  secret: router(
    'secret',
    '<text>',
    'at least 16 bytes; others can read a flag: better LIMPET_SECRET',
    asItIs,
  ),
  import: {
    flag: '--import <module>',
    help: 'loaded into each worker ahead of the app, such as tsx for TypeScript; may be given again',
    rule: modules,
    read: asItIs,
  },
  metrics: {
    flag: '--metrics <where>',
    help: 'serve Prometheus metrics at [host:]port, path /metrics; by default to this machine alone',
    rule: {
      expected: 'a port, or a host and a port: 9100, 0.0.0.0:9100, [::]:9100',
      ok: (v) => !!hostAndPort(v),
    },
    read: number,
  },
  ui: {
    flag: '--ui [port]',
    help: 'serve the live page to browsers on this machine; its link, good for one browser, is in the log',
    rule: {
      expected: 'a port from 0 to 65535, true or false',
      ok: (v) => typeof v === 'boolean' || port.ok(v),
    },
    read: (value) => ({ true: true, false: false })[value] ?? number(value),
  },
  spread: router('spread', '<how>', 'where new clients go: ring, or least-connections', asItIs),
  maxLoad: router(
    'maxLoad',
    '<times>',
    'no new client for a worker with so many times the mean of connections',
  ),
  proxyProtocol: router('proxyProtocol', '<how>', 'required or optional of trusted peers', asItIs),
  cookieMaxAgeMs: router('cookieMaxAgeMs', ms, 'how long a limpet cookie leads to its worker'),
  node: router('node', '<name>', "this machine's name in cookies", asItIs),
  headBytes: router('headBytes', '<bytes>', 'the longest request head that is read to place a connection'),
  headTimeoutMs: router('headTimeoutMs', ms, 'how long a client may take for its request head'),
  pendingMax: router('pendingMax', '<n>', 'connections whose head is not complete yet'),
  pendingPerAddressMax: router('pendingPerAddressMax', '<n>', 'the same for one address'),
  buckets: router('buckets', '<n>', 'buckets of the ring, a power of two'),
  ipv6Prefix: router('ipv6Prefix', '<bits>', 'leading bits of an IPv6 address that identify a client'),
  respawnGraceMs: router('respawnGraceMs', ms, "how long a dead worker's clients wait for its replacement"),
  readyTimeoutMs: router('readyTimeoutMs', ms, 'how long a worker may take until it listens'),
  drainTimeoutMs: router('drainTimeoutMs', ms, 'how long a leaving worker may take to finish'),
  stallTimeoutMs: router(
    'stallTimeoutMs',
    ms,
    'without a sign of life for so long, fallbacks serve; 0 never',
  ),
  stallKillMs: router('stallKillMs', ms, 'stalled for so long, a worker is killed; 0 never'),
  directPort: router(
    'directPort',
    '<port>',
    'a port for each worker, this one and up, for proxies that choose the worker',
  ),
  directHost: router(
    'directHost',
    '<host>',
    'where the direct ports listen; by default as the shared one',
    asItIs,
  ),
  healthPath: router(
    'healthPath',
    '<path>',
    'where each worker says whether it serves its slot: 200 or 503',
    asItIs,
  ),
  noticeMs: router('noticeMs', ms, 'how long workers that leave for good serve on, their health at 503'),
  queueMax: router('queueMax', '<n>', 'connections that may wait for one slot'),
};

/** What only a file can say: an object or a list does not fit on a flag. */
export const fileSettings: Readonly<Record<string, Rule>> = {
  app: text,
  args: routerRules.args,
  env: routerRules.env,
  execArgv: routerRules.execArgv,
};

/** cookieMaxAgeMs → --cookie-max-age-ms */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** cookieMaxAgeMs → LIMPET_COOKIE_MAX_AGE_MS */
export function variableOf(name: string): string {
  return `LIMPET_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
