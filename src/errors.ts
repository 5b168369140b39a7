/**
 * Every error limpet throws or rejects with is a {@link LimpetError}. `code` is stable and listed in
 * docs/errors.md; `message` says what was wrong, what was expected and what to do; `facts` holds the
 * values that the message names, for programs.
 */

/** Code → one line that says when it is raised. docs/errors.md is held against this table by a test. */
export const errorCodes = {
  ERR_LIMPET_OPTION: 'An option is unknown, misspelled, of the wrong type or out of its range.',
  ERR_LIMPET_ADDRESS: 'A text that should be an IPv4 or IPv6 address is none.',
  ERR_LIMPET_ROLE: 'A call was made in the wrong process, or in the wrong order.',
  ERR_LIMPET_CLOSED: 'The router, ring or store was closed before the call.',
  ERR_LIMPET_ADDRESS_IN_USE: 'Another process, or another router, has the port.',
  ERR_LIMPET_ADDRESS_DENIED: 'The operating system does not permit binding the address.',
  ERR_LIMPET_ADDRESS_UNAVAILABLE: 'The host to bind is not an address of this machine.',
  ERR_LIMPET_NATIVE: 'The native addon is present but failed to load, or a system call in it failed.',
  ERR_LIMPET_HANDOFF_UNSUPPORTED: 'The handoff that was asked for cannot be had here.',
  ERR_LIMPET_AFFINITY_TLS: 'An affinity that reads the request head was asked for where TLS hides it.',
  ERR_LIMPET_NO_WORKER: 'No worker could be started, or none is left to serve.',
  ERR_LIMPET_WORKER_START: 'The worker file does not exist, or a worker ended before it was ready.',
  ERR_LIMPET_UPGRADE:
    'This primary cannot be replaced here, or the new one did not take over; nothing has changed.',
  ERR_LIMPET_ADAPTER:
    'The server given to listen() is of no kind that limpet can feed, or this Node.js lacks the internals to feed it by.',
  ERR_LIMPET_NAME_IN_USE: 'A living router of this user has the name.',
  ERR_LIMPET_CONTROL:
    'No router answers on its control socket, there is no place for one, or what came over it is no request.',
  ERR_LIMPET_RING:
    'A ring was given what makes no ring, or asked for a node that is not there, or none is up.',
  ERR_LIMPET_STORE: 'A session store is away, refused the operation, or cannot be used as configured.',
  ERR_LIMPET_SESSION_GONE: 'The session was destroyed elsewhere; it was not stored again.',
  ERR_LIMPET_SESSION_CONFLICT:
    "The session was changed elsewhere, and onConflict is 'error'; it was not stored.",
  ERR_LIMPET_SESSION_SIZE: 'The session is larger than sessionBytesMax; it was not stored.',
} as const;

/** The codes of errors: stable, so match on them ([one row each](../errors.md)). */
export type ErrorCode = keyof typeof errorCodes;

/** Every error that limpet throws or rejects with. `message` says what was wrong, what was expected and what to do; `cause` is the system's error, where there is one. */
export class LimpetError extends Error {
  /** @internal */
  override readonly name = 'LimpetError';
  readonly code: ErrorCode;
  /** The values that the message names, for programs. */
  readonly facts: Readonly<Record<string, unknown>>;

  /** @internal */
  constructor(code: ErrorCode, message: string, facts: Record<string, unknown> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.facts = Object.freeze({ ...facts });
  }
}

/** Runs a public call: the stack of a LimpetError that it throws begins at the caller of `entry`, not inside limpet. */
export function atCaller<T>(entry: (...args: never[]) => unknown, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof LimpetError) Error.captureStackTrace(error, entry);
    throw error;
  }
}
