import { availableParallelism } from 'node:os';
import type { Affinity, Trust } from './affinity-options.js';
import { check, integer, milliseconds, oneOf, type Rule, text, texts, trustRule, yesOrNo } from './checks.js';
import type { ListenAddress } from './connection.js';
import { LimpetError } from './errors.js';

/** The largest number of slots. The steering program and the sid have eight bits for a slot. */
export const slotsMax = 256;

/** The options of a router, with all its listeners and all its workers. */
export interface RouterOptions {
  /** Number of worker processes: 1 to 256, or 'max' for one on each core that this process may use. */
  workers?: number | 'max';
  /** Variables that are added to the environment of every worker. */
  env?: Record<string, string | undefined>;
  /** The file that the workers run. Default: the file that runs now. */
  exec?: string;
  /** The arguments of the workers. Default: the arguments of this process. */
  args?: readonly string[];
  /** Node's own flags for the workers. Default: the flags of this process. */
  execArgv?: readonly string[];
  /** At least 16 bytes. The same secret gives the same ring after a restart, and on every machine. Default: the variable LIMPET_SECRET, else a new secret at each start. */
  secret?: string;
  /** How connections reach the workers. 'auto' takes the first of kernel, fd and ipc that works here. */
  handoff?: 'auto' | 'kernel' | 'fd' | 'ipc';
  /** The rule that identifies a client, or a list of rules that are tried in order (docs/affinity.md). */
  affinity?: Affinity;
  /** The proxies whose PROXY headers and forwarded addresses are believed. Default: none. */
  trust?: Trust;
  /** Whether a trusted peer must send a PROXY header, if the affinity is 'proxy-protocol'. */
  proxyProtocol?: 'required' | 'optional';
  /** How a client without limpet's cookie or a Socket.IO session gets its slot: by the ring, or the slot with the fewest open connections. */
  spread?: 'ring' | 'least-connections';
  /** A worker with `maxLoad` times the mean number of open connections, or more, gets no new client. 1.05 to 100; 0 for no bound. */
  maxLoad?: number;
  /** For how long limpet's cookie leads to its slot, in ms. */
  cookieMaxAgeMs?: number;
  /** The name of this machine in cookies, if several machines share a secret. Default: the host name. */
  node?: string;
  /** The longest request head that limpet reads to choose a slot, in bytes. A longer head is answered 431. */
  headBytes?: number;
  /** The time in which a client must send its request head, in ms. Then it gets 408; if it sent nothing, its connection is closed. */
  headTimeoutMs?: number;
  /** The largest number of connections whose request head is incomplete. One more closes the oldest. */
  pendingMax?: number;
  /** The largest number of connections from one untrusted address whose request head is incomplete. */
  pendingPerAddressMax?: number;
  /** Number of buckets of the ring, a power of two from 64 to 65,536. */
  buckets?: number;
  /** How many leading bits of an IPv6 address identify a client: 32, 48, 56 or 64. */
  ipv6Prefix?: 32 | 48 | 56 | 64;
  /** How long the clients of a dead worker wait for its replacement, in ms. Then a fallback serves them. */
  respawnGraceMs?: number;
  /** The time in which a new worker must be ready, in ms. Then limpet kills it and starts another. 0 for no limit. */
  readyTimeoutMs?: number;
  /** The time in which a draining worker must finish its connections, in ms. Then it closes the remaining ones and exits. */
  drainTimeoutMs?: number;
  /** A worker without a heartbeat for this long, in ms, is stalled: fallbacks serve its clients. 0 turns the check off. */
  stallTimeoutMs?: number;
  /** A worker without a heartbeat for this long, in ms, is killed and replaced. 0 means never. */
  stallKillMs?: number;
  /** The largest number of connections that wait in the primary for one slot. Further ones are closed and counted as refused. */
  queueMax?: number;
  /** Gives each worker a port of its own, `directPort` + slot, in addition to the shared port. For proxies that choose the worker (docs/edge.md). */
  directPort?: number;
  /** The host that the direct ports listen on. Default: the host of the first shared port. A client that can reach the direct ports can choose its worker. */
  directHost?: string;
  /** A path such as '/health'. Each worker answers 200 there while it serves its slot, and 503 while it leaves. Default: off. */
  healthPath?: string;
  /** How long a worker that leaves without a replacement still serves everything, with 503 as its health, in ms. Default: 5000 with `healthPath`, else 0. */
  noticeMs?: number;
  /** Whether SIGTERM and SIGINT close the router, SIGHUP reloads it and SIGUSR2 upgrades it. */
  signals?: boolean;
  /** The name by which the `limpet` command of the same user finds the router. Without a name it cannot. Letters, digits, `.`, `_`, `-`. */
  name?: string;
}

/** The address of one `listen()`. */
export interface ListenOptions {
  /** 0 to 65,535. 0 lets the system choose. */
  port?: number;
  /** An address, or a name that limpet looks up. Default: all addresses, IPv6 and IPv4. */
  host?: string;
  /** The path of a unix-domain socket, instead of a port. */
  path?: string;
  /** How many connections may wait in the kernel for each listening socket, 1 to 65,535. */
  backlog?: number;
  /** Whether an IPv6 host refuses IPv4 clients. */
  ipv6Only?: boolean;
}

/** The options that stay undefined if they are not given. */
type Unset =
  | 'exec'
  | 'args'
  | 'execArgv'
  | 'secret'
  | 'node'
  | 'name'
  | 'directPort'
  | 'directHost'
  | 'healthPath';

/** The options of a router after the check, with every default filled in. */
export type CheckedRouterOptions = Readonly<Required<Omit<RouterOptions, Unset>>> & {
  readonly [K in Unset]: RouterOptions[K] | undefined;
} & { readonly workers: number };

/** Longer than two health checks, one a second, and longer than a proxy as in docs/edge.md keeps an idle connection. */
const noticeWithHealthMs = 5000;

/** Option → its rule. */
export const routerRules: Record<keyof RouterOptions, Rule> = {
  workers: {
    expected: `a whole number from 1 to ${slotsMax}, or 'max' for one on each core`,
    ok: (v) => v === 'max' || (Number.isInteger(v) && (v as number) >= 1 && (v as number) <= slotsMax),
    fallback: 'max',
  },
  env: {
    expected: 'an object whose values are strings',
    ok: (v) =>
      typeof v === 'object' &&
      v !== null &&
      Object.values(v).every((x) => ['string', 'undefined'].includes(typeof x)),
    fallback: {},
  },
  exec: text,
  args: texts,
  execArgv: texts,
  secret: {
    expected: 'a string of at least 16 bytes',
    ok: (v) => typeof v === 'string' && Buffer.byteLength(v) >= 16,
  },
  handoff: oneOf(['auto', 'kernel', 'fd', 'ipc'], 'auto'),
  // affinity/chain.ts checks each rule.
  affinity: { expected: 'a rule or a list of rules', ok: () => true, fallback: 'address' },
  trust: { ...trustRule, fallback: [] },
  proxyProtocol: oneOf(['required', 'optional'], 'required'),
  spread: oneOf(['ring', 'least-connections'], 'ring'),
  maxLoad: {
    expected: 'a number from 1.05 to 100 (times the mean), or 0 for no bound',
    ok: (v) => v === 0 || (typeof v === 'number' && v >= 1.05 && v <= 100),
    fallback: 0,
  },
  cookieMaxAgeMs: integer(1, 31_536_000_000, 604_800_000, ' (milliseconds)'),
  node: text,
  headBytes: integer(1024, 32_768, 16_384, ' (bytes)'),
  headTimeoutMs: integer(1, 86_400_000, 5000, ' (milliseconds)'),
  pendingMax: integer(1, 1_000_000, 10_000),
  pendingPerAddressMax: integer(1, 1_000_000, 1000),
  buckets: {
    expected: 'a power of two from 64 to 65536',
    ok: (v) =>
      Number.isInteger(v) &&
      (v as number) >= 64 &&
      (v as number) <= 65536 &&
      ((v as number) & ((v as number) - 1)) === 0,
    fallback: 1024,
  },
  ipv6Prefix: oneOf([32, 48, 56, 64], 64),
  respawnGraceMs: milliseconds(3000),
  readyTimeoutMs: milliseconds(30_000),
  drainTimeoutMs: milliseconds(30_000),
  stallTimeoutMs: milliseconds(10_000),
  stallKillMs: milliseconds(0),
  queueMax: integer(1, 1_000_000, 10_000),
  directPort: { ...integer(1, 65_535, 0), fallback: undefined },
  directHost: text,
  healthPath: {
    expected: "a path such as '/health', without a query",
    ok: (v) => typeof v === 'string' && /^\/[\w\-.~!$&'()*+,;=:@%/]*$/.test(v),
  },
  noticeMs: { ...milliseconds(0), fallback: undefined },
  signals: yesOrNo(true),
  name: {
    expected: 'at most 40 letters, digits, dots, underscores and hyphens, beginning with a letter or digit',
    ok: (v) => typeof v === 'string' && /^[A-Za-z0-9][\w.-]{0,39}$/.test(v),
  },
};

const listenRules: Record<keyof ListenOptions, Rule> = {
  port: {
    expected: 'a port from 0 to 65535',
    ok: (v) => Number.isInteger(v) && (v as number) >= 0 && (v as number) <= 65535,
  },
  host: text,
  path: text,
  backlog: integer(1, 65_535, 4096),
  ipv6Only: yesOrNo(false),
};

/** Checks the options and fills in the defaults. Throws ERR_LIMPET_OPTION, which names the option, the value it got and the values it expects. */
export function checkRouterOptions(options: RouterOptions): CheckedRouterOptions {
  const given = { ...options, secret: options.secret ?? (process.env.LIMPET_SECRET || undefined) };
  const checked = check(given, routerRules, 'option') as unknown as CheckedRouterOptions;
  const workers = (checked.workers as number | 'max') === 'max' ? availableParallelism() : checked.workers;
  const atMost = Math.min(workers, slotsMax);
  if (atMost > checked.buckets / 2) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      `option buckets: ${checked.buckets} is too few for ${atMost} workers, expected at least ${atMost * 2}. Raise buckets.`,
      { option: 'buckets', value: checked.buckets, workers: atMost },
    );
  }
  if ((checked.directPort ?? 0) + atMost > 65_536) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      `option directPort: ${checked.directPort} leaves too few ports for ${atMost} workers, expected at most ${65_536 - atMost}.`,
      { option: 'directPort', value: checked.directPort, workers: atMost },
    );
  }
  const noticeMs = checked.noticeMs ?? (checked.healthPath === undefined ? 0 : noticeWithHealthMs);
  return { ...checked, workers: atMost, noticeMs };
}

/** Checks the address of a `listen()` and fills in the defaults. Throws ERR_LIMPET_OPTION. */
export function checkListenOptions(where: number | string | ListenOptions): {
  port: number;
  host: string | undefined;
  path: string | undefined;
  backlog: number;
  ipv6Only: boolean;
} {
  const given = typeof where === 'object' && where !== null ? where : toAddress(where);
  const checked = check({ ...given }, listenRules, 'listen option') as unknown as ReturnType<
    typeof checkListenOptions
  >;
  if (checked.path === undefined && checked.port === undefined) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      'listen() got neither a port nor a path, expected one of them. Call it as listen(server, 3000).',
      {
        option: 'port',
      },
    );
  }
  if (checked.path !== undefined && checked.port !== undefined) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      'listen() got a port and a path, expected one of them. Leave one out.',
      {
        option: 'path',
      },
    );
  }
  return checked;
}

/** The same, in the form that the router uses. Throws ERR_LIMPET_OPTION. */
export function checkListenAddress(where: number | string | ListenOptions): ListenAddress {
  const { port, host, path, backlog, ipv6Only } = checkListenOptions(where);
  return path === undefined ? { port, host, ipv6Only, backlog } : { path, backlog };
}

function toAddress(where: unknown): ListenOptions {
  if (typeof where === 'string' && where !== '' && !/^\d+$/.test(where)) return { path: where };
  return { port: typeof where === 'string' && where !== '' ? Number(where) : (where as number) };
}
