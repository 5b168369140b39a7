import { LimpetError } from './errors.js';
/** Most slots a router can have: the steering program and the sid carry a slot in eight bits. */
export declare const slotsMax = 256;
export declare const affinityNames: readonly ["address", "proxy-protocol", "forwarded", "cookie", "socket.io"];
export type AffinityName = (typeof affinityNames)[number];
/** Addresses, CIDRs, and the names `loopback`, `linklocal`, `uniquelocal`, `unix` (peers of a unix socket): a list, or a text with commas. */
export type Trust = string | readonly string[];
export interface ProxyProtocolRule {
    by: 'proxy-protocol';
    trust?: Trust;
    /** A trusted peer may come without a header. */
    optional?: boolean;
}
export interface ForwardedRule {
    by: 'forwarded';
    trust?: Trust;
    /** The one that the proxies write. Where it is not said, and a request has both, they must agree. */
    header?: 'x-forwarded-for' | 'forwarded';
}
/** limpet's own cookie, and the attributes of RFC 6265 that it is set with. */
export interface CookieRule {
    by: 'cookie';
    /** Default `limpet`. */
    name?: string;
    /** How long a cookie leads to its worker, in ms, whatever its Max-Age; in whole hours, rounded up. */
    maxAgeMs?: number;
    /** Default `/`. */
    path?: string;
    domain?: string;
    /** Default true. */
    httpOnly?: boolean;
    /** Default: as the request came. */
    secure?: boolean;
    /** Default `lax`. */
    sameSite?: 'strict' | 'lax' | 'none';
    /** In seconds; by default the browser drops the cookie when it ends. */
    maxAge?: number;
}
/** One way to tell clients apart. `{ header }`, `{ query }` and `{ cookie }` name something that the app's clients send anyway. */
export type AffinityRule = AffinityName | {
    by: 'address' | 'socket.io';
} | ProxyProtocolRule | ForwardedRule | CookieRule | {
    header: string;
} | {
    query: string;
} | {
    cookie: string;
};
/** One rule, or a list of which the first that yields a key decides. Every list ends in `address`, written or not. */
export type Affinity = AffinityRule | readonly AffinityRule[];
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
    /** Whether SIGTERM and SIGINT close the router and SIGHUP reloads it. */
    signals?: boolean;
}
/** The address of one `listen()`. */
export interface ListenOptions {
    port?: number;
    host?: string;
    /** A unix-domain socket instead of a port. */
    path?: string;
    /** Connections that may wait in the kernel for each listening socket. */
    backlog?: number;
    /** With an IPv6 host: refuse IPv4 clients. */
    ipv6Only?: boolean;
}
export type CheckedRouterOptions = Readonly<Required<Omit<RouterOptions, 'exec' | 'args' | 'execArgv' | 'secret' | 'node'>>> & {
    readonly workers: number;
    readonly exec: string | undefined;
    readonly args: readonly string[] | undefined;
    readonly execArgv: readonly string[] | undefined;
    readonly secret: string | undefined;
    readonly node: string | undefined;
};
/** What an option may be; `expected` completes "expected …" in the error. */
export interface Rule {
    readonly expected: string;
    readonly ok: (value: unknown) => boolean;
    readonly fallback?: unknown;
}
export declare const integer: (from: number, to: number, fallback: number, unit?: string) => Rule;
export declare const oneOf: (values: readonly unknown[], fallback: unknown) => Rule;
export declare const text: Rule;
export declare const yesOrNo: (fallback: boolean) => Rule;
export declare const milliseconds: (fallback: number) => Rule;
/** Options with defaults filled in. Throws ERR_LIMPET_OPTION, naming the option, what it got and what it expects. */
export declare function checkRouterOptions(options: RouterOptions): CheckedRouterOptions;
/** The address of a `listen()`, complete. Throws ERR_LIMPET_OPTION. */
export declare function checkListenOptions(where: number | string | ListenOptions): {
    port: number;
    host: string | undefined;
    path: string | undefined;
    backlog: number;
    ipv6Only: boolean;
};
/** The given options, with defaults for those left out. Throws ERR_LIMPET_OPTION for an unknown or a wrong one. */
export declare function check(given: Record<string, unknown>, rules: Record<string, Rule>, what: string): Record<string, unknown>;
/** An error that names what was probably meant. */
export declare function unknownOption(name: string, known: readonly string[], what: string): LimpetError;
