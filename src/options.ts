import { availableParallelism } from 'node:os';
import type { Affinity, Trust } from './affinity-options.js';
import { check, integer, milliseconds, oneOf, type Rule, text, texts, trustRule, yesOrNo } from './checks.js';
import { LimpetError } from './errors.js';

/** Most slots a router can have: the steering program and the sid carry a slot in eight bits. */
export const slotsMax = 256;

/** Options that hold for the router, all its listeners and all its workers. */
export interface RouterOptions {
  /** Worker processes: 1 to 256, or 'max' for one on each core that this process may use. Default 'max'. */
  workers?: number | 'max';
  /** Variables added to every worker's environment. */
  env?: Record<string, string | undefined>;
  /** The worker's file; by default the file that runs now. */
  exec?: string;
  /** The worker's arguments; by default this process's own. */
  args?: readonly string[];
  /** Node's own flags for the workers; by default this process's own. */
  execArgv?: readonly string[];
  /** At least 16 bytes. The same secret gives the same ring: after a restart, and on every machine. Default LIMPET_SECRET, else made at start. */
  secret?: string;
  /** How connections reach the workers; 'auto' takes the first of kernel, fd, ipc that can serve. */
  handoff?: 'auto' | 'kernel' | 'fd' | 'ipc';
  /** What identifies a client: a rule, or a list tried in order (docs/affinity.md). */
  affinity?: Affinity;
  /** Proxies whose PROXY headers and forwarded addresses are believed. Nobody by default. */
  trust?: Trust;
  /** Whether a trusted peer must send a PROXY header, where affinity is by it. */
  proxyProtocol?: 'required' | 'optional';
  /** Where clients go that carry no cookie or Socket.IO session of ours yet: by the ring, or to the emptiest worker. */
  spread?: 'ring' | 'least-connections';
  /** A worker gets no new client while it has more than so many times the mean of open connections, 1.05 to 100; 0 for no bound. */
  maxLoad?: number;
  /** How long a limpet cookie leads to its worker, in ms. */
  cookieMaxAgeMs?: number;
  /** This machine's name in cookies, where several share a secret; by default the host's name. */
  node?: string;
  /** The longest request head that is read to place a connection, in bytes; a longer one is answered 431. */
  headBytes?: number;
  /** How long a client may take for its request head, in ms; then 408, or a plain close if it said nothing. */
  headTimeoutMs?: number;
  /** Connections whose head is not complete yet; beyond that the oldest is closed. */
  pendingMax?: number;
  /** The same for one address that is not trusted. */
  pendingPerAddressMax?: number;
  /** Buckets of the ring, a power of two from 64 to 65,536. */
  buckets?: number;
  /** Leading bits of an IPv6 address that identify a client: 32, 48, 56 or 64. */
  ipv6Prefix?: 32 | 48 | 56 | 64;
  /** How long the clients of a dead worker wait for its replacement before a fallback serves them, in ms. */
  respawnGraceMs?: number;
  /** How long a new worker may take to be ready, in ms; then it is ended and tried again. */
  readyTimeoutMs?: number;
  /** How long a leaving worker may take to finish what it has, in ms. */
  drainTimeoutMs?: number;
  /** Without a sign of life for this long, in ms, a worker's clients are served by fallbacks; 0 never. */
  stallTimeoutMs?: number;
  /** A worker stalled for this long, in ms, is killed and replaced; 0 never. */
  stallKillMs?: number;
  /** Connections that may wait in the primary for one slot; beyond that they are closed, and counted as refused. */
  queueMax?: number;
  /** A port for each worker beside the shared one, `directPort` + slot, for proxies that choose the worker themselves (docs/edge.md). */
  directPort?: number;
  /** Where the direct ports listen; by default as the first shared port does. Whoever reaches them chooses its worker. */
  directHost?: string;
  /** A path, such as '/health', where each worker answers 200 while it serves its slot, and 503 while it leaves. Off by default. */
  healthPath?: string;
  /** How long workers that are not replaced serve on, their health at 503, before they take nothing new, in ms; 5000 with healthPath. */
  noticeMs?: number;
  /** Whether SIGTERM and SIGINT close the router, SIGHUP reloads it and SIGUSR2 upgrades it. */
  signals?: boolean;
  /** Under which the `limpet` command of the same user finds the router; without one it cannot. Letters, digits, `.`, `_`, `-`. */
  name?: string;
}

/** The address of one `listen()`. */
export interface ListenOptions {
  /** 0 to 65,535; 0 lets the system choose. */
  port?: number;
  /** An address, or a name that is looked up; by default all addresses, IPv6 and IPv4. */
  host?: string;
  /** A unix-domain socket instead of a port. */
  path?: string;
  /** Connections that may wait in the kernel for each listening socket, 1 to 65,535. */
  backlog?: number;
  /** With an IPv6 host: refuse IPv4 clients. */
  ipv6Only?: boolean;
}

/** Those that have no value of their own where none is given. */
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

/** The options of a router, checked, with every default filled in. */
export type CheckedRouterOptions = Readonly<Required<Omit<RouterOptions, Unset>>> & {
  readonly [K in Unset]: RouterOptions[K] | undefined;
} & { readonly workers: number };

/** Longer than two checks of a second, and than a proxy that keeps to docs/edge.md keeps a connection that nobody uses. */
const noticeWithHealthMs = 5000;

/** The rules of every router option, by name. */
export const routerRules: Record<keyof RouterOptions, Rule> = {
  workers: {
    expected: `a whole number from 1 to ${slotsMax}, or 'max' for one on each core`,
    ok: (v) => v === 'max' || (Number.isInteger(v) && (v as number) >= 1 && (v as number) <= slotsMax),
    fallback: 'max',
  },
  env: {
    expected: 'an object of texts',
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
    expected: 'a text of at least 16 bytes',
    ok: (v) => typeof v === 'string' && Buffer.byteLength(v) >= 16,
  },
  handoff: oneOf(['auto', 'kernel', 'fd', 'ipc'], 'auto'),
  // Checked rule by rule where it is compiled.
  affinity: { expected: 'a rule or a list of rules', ok: () => true, fallback: 'address' },
  trust: { ...trustRule, fallback: [] },
  proxyProtocol: oneOf(['required', 'optional'], 'required'),
  spread: oneOf(['ring', 'least-connections'], 'ring'),
  maxLoad: {
    expected: 'a number from 1.05 to 100, times the mean, or 0 for no bound',
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
    expected: 'up to 40 letters, digits, dots, underlines and hyphens, a letter or digit first',
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

/** Options with defaults filled in. Throws ERR_LIMPET_OPTION, naming the option, what it got and what it expects. */
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
      `option directPort: ${checked.directPort} leaves no port for each of ${atMost} workers, expected at most ${65_536 - atMost}.`,
      { option: 'directPort', value: checked.directPort, workers: atMost },
    );
  }
  const noticeMs = checked.noticeMs ?? (checked.healthPath === undefined ? 0 : noticeWithHealthMs);
  return { ...checked, workers: atMost, noticeMs };
}

/** The address of a `listen()`, complete. Throws ERR_LIMPET_OPTION. */
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
      'listen() needs a port or a path, got neither. Give listen(server, 3000).',
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

function toAddress(where: unknown): ListenOptions {
  if (typeof where === 'string' && where !== '' && !/^\d+$/.test(where)) return { path: where };
  return { port: typeof where === 'string' && where !== '' ? Number(where) : (where as number) };
}
