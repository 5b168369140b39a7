/**
 * Every error limpet throws or rejects with is a {@link LimpetError}. `code` is stable and listed in
 * docs/errors.md; `message` says what was wrong, what was expected and what to do; `facts` holds the
 * values that the message names, for programs.
 */
/** Code → one line that says when it is raised. docs/errors.md is held against this table by a test. */
export declare const errorCodes: {
    readonly ERR_LIMPET_OPTION: "An option is unknown, misspelled, of the wrong type or out of its range.";
    readonly ERR_LIMPET_ADDRESS: "A text that should be an IPv4 or IPv6 address is none.";
    readonly ERR_LIMPET_ROLE: "A call was made in the wrong process, or in the wrong order.";
    readonly ERR_LIMPET_CLOSED: "The router, ring or store was closed before the call.";
    readonly ERR_LIMPET_ADDRESS_IN_USE: "Another process, or another router, has the port.";
    readonly ERR_LIMPET_ADDRESS_DENIED: "The operating system does not permit binding the address.";
    readonly ERR_LIMPET_ADDRESS_UNAVAILABLE: "The host to bind is not an address of this machine.";
    readonly ERR_LIMPET_NATIVE: "The native addon is present but failed to load, or a system call in it failed.";
    readonly ERR_LIMPET_HANDOFF_UNSUPPORTED: "The handoff that was asked for cannot be had here.";
    readonly ERR_LIMPET_AFFINITY_TLS: "An affinity that reads the request head was asked for where TLS hides it.";
    readonly ERR_LIMPET_NO_WORKER: "No worker could be started, or none is left to serve.";
    readonly ERR_LIMPET_WORKER_START: "The worker file does not exist, or a worker ended before it was ready.";
    readonly ERR_LIMPET_ADAPTER: "The server given to listen() is of no kind that limpet can feed, or this Node.js lacks the internals to feed it by.";
    readonly ERR_LIMPET_RING: "A ring was given nodes, weights, buckets or a key that make no ring.";
    readonly ERR_LIMPET_STORE: "A session store is away, refused the operation, or cannot be used as configured.";
    readonly ERR_LIMPET_SESSION_GONE: "The session was destroyed elsewhere; it was not stored again.";
    readonly ERR_LIMPET_SESSION_CONFLICT: "The session was changed elsewhere, and onConflict is 'error'; it was not stored.";
    readonly ERR_LIMPET_SESSION_SIZE: "The session is larger than sessionBytesMax; it was not stored.";
};
export type ErrorCode = keyof typeof errorCodes;
export declare class LimpetError extends Error {
    readonly name = "LimpetError";
    readonly code: ErrorCode;
    readonly facts: Readonly<Record<string, unknown>>;
    constructor(code: ErrorCode, message: string, facts?: Record<string, unknown>, cause?: unknown);
}
/** Runs a public call: the stack of a LimpetError that it throws begins at the caller of `entry`, not inside limpet. */
export declare function atCaller<T>(entry: (...args: never[]) => unknown, run: () => T): T;
