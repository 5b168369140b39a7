import { integer, type Rule, text } from '../checks.js';
import { routerRules, slotsMax } from '../options.js';
import { hostAndPort, readAffinity, readNumber } from './flag-values.js';

/** A setting of `limpet start`, given by a flag, by a variable of the environment, or in limpet.config. */
export interface Setting {
  /** The flag as the help shows it, such as `-w, --workers <n>`. */
  readonly flag: string;
  readonly help: string;
  readonly rule: Rule;
  /** Converts the text of a flag or a variable to the value that `rule` checks. */
  readonly read: (text: string) => unknown;
}

const readText = (text: string): unknown => text;
const ms = '<ms>';
const port: Rule = integer(0, 65_535, 0);

const portOrPath: Rule = {
  expected: 'a port from 0 to 65535, or the path of a unix-domain socket',
  ok: (v) => (typeof v === 'string' && v.includes('/')) || port.ok(v),
};
const modules: Rule = {
  expected: 'the name of a module, or a list of names',
  ok: (v) => text.ok(v) || (Array.isArray(v) && v.every(text.ok)),
};

function router(
  name: keyof typeof routerRules,
  placeholder: string,
  help: string,
  read: Setting['read'] = readNumber,
  short = '',
): Setting {
  return { flag: `${short}${flagOf(name)} ${placeholder}`, help, rule: routerRules[name], read };
}

/** Every setting, in the order of the help. */
export const settings: Readonly<Record<string, Setting>> = {
  workers: router(
    'workers',
    '<n>',
    `number of worker processes, 1 to ${slotsMax}, or max for one on each core`,
    readNumber,
    '-w, ',
  ),
  port: {
    flag: '-p, --port <port>',
    help: 'the port for clients, also process.env.PORT in the app; a path means a unix-domain socket. Default: the first port that the app listens on',
    rule: portOrPath,
    read: readNumber,
  },
  host: {
    flag: '--host <host>',
    help: 'the host to listen on, instead of the one that the app gives',
    rule: text,
    read: readText,
  },
  name: router(
    'name',
    '<name>',
    'the name by which the other commands find the router. Default: as in package.json',
    readText,
    '-n, ',
  ),
  affinity: router(
    'affinity',
    '<rules>',
    'what identifies a client: address, cookie, socket.io, forwarded, proxy-protocol, header:NAME, query:NAME, cookie:NAME, or several with commas, tried in order',
    readAffinity,
  ),
  trust: router(
    'trust',
    '<list>',
    'the proxies whose headers are believed: addresses, CIDRs, loopback, linklocal, uniquelocal',
    readText,
  ),
  handoff: router('handoff', '<how>', 'how connections reach the workers: auto, kernel, fd or ipc', readText),
  secret: router(
    'secret',
    '<text>',
    'at least 16 bytes. Other users can read a flag: use LIMPET_SECRET instead',
    readText,
  ),
  import: {
    flag: '--import <module>',
    help: 'a module to load into each worker before the app, such as tsx for TypeScript; may be repeated',
    rule: modules,
    read: readText,
  },
  metrics: {
    flag: '--metrics <where>',
    help: 'serve Prometheus metrics at [host:]port, path /metrics. Default host: 127.0.0.1',
    rule: {
      expected: 'a port, or a host and a port, such as 9100, 0.0.0.0:9100 or [::]:9100',
      ok: (v) => !!hostAndPort(v),
    },
    read: readNumber,
  },
  ui: {
    flag: '--ui [port]',
    help: 'serve the live page to browsers on this machine. The log has its link, which works in one browser',
    rule: {
      expected: 'a port from 0 to 65535, true or false',
      ok: (v) => typeof v === 'boolean' || port.ok(v),
    },
    read: (value) => ({ true: true, false: false })[value] ?? readNumber(value),
  },
  spread: router('spread', '<how>', 'how new clients are distributed: ring, or least-connections', readText),
  maxLoad: router(
    'maxLoad',
    '<times>',
    'a worker with this many times the mean number of connections gets no new client',
  ),
  proxyProtocol: router(
    'proxyProtocol',
    '<how>',
    'whether trusted peers must send a PROXY header: required or optional',
    readText,
  ),
  cookieMaxAgeMs: router('cookieMaxAgeMs', ms, "for how long limpet's cookie leads to its slot"),
  node: router('node', '<name>', 'the name of this machine in cookies', readText),
  headBytes: router('headBytes', '<bytes>', 'the longest request head that limpet reads to choose a slot'),
  headTimeoutMs: router('headTimeoutMs', ms, 'the time in which a client must send its request head'),
  pendingMax: router(
    'pendingMax',
    '<n>',
    'the largest number of connections with an incomplete request head',
  ),
  pendingPerAddressMax: router(
    'pendingPerAddressMax',
    '<n>',
    'the largest number of those connections from one address',
  ),
  buckets: router('buckets', '<n>', 'number of buckets of the ring, a power of two'),
  ipv6Prefix: router('ipv6Prefix', '<bits>', 'how many leading bits of an IPv6 address identify a client'),
  respawnGraceMs: router('respawnGraceMs', ms, "how long a dead worker's clients wait for its replacement"),
  readyTimeoutMs: router('readyTimeoutMs', ms, 'the time in which a new worker must be ready'),
  drainTimeoutMs: router(
    'drainTimeoutMs',
    ms,
    'the time in which a draining worker must finish its connections',
  ),
  stallTimeoutMs: router(
    'stallTimeoutMs',
    ms,
    'a worker without a heartbeat for this long is stalled, and fallbacks serve its clients; 0 for never',
  ),
  stallKillMs: router('stallKillMs', ms, 'a worker without a heartbeat for this long is killed; 0 for never'),
  directPort: router(
    'directPort',
    '<port>',
    'the first of the direct ports, one for each worker, for proxies that choose the worker',
  ),
  directHost: router(
    'directHost',
    '<host>',
    'the host of the direct ports. Default: the host of the shared port',
    readText,
  ),
  healthPath: router(
    'healthPath',
    '<path>',
    'a path where each worker answers 200 while it serves its slot, and 503 while it leaves',
    readText,
  ),
  noticeMs: router(
    'noticeMs',
    ms,
    'how long a worker that leaves without a replacement still serves, with 503 as its health',
  ),
  queueMax: router('queueMax', '<n>', 'the largest number of connections that wait for one slot'),
};

/** The settings that only the file can have, because a flag cannot express an object or a list. */
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
