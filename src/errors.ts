/** The errors of limpet: their codes, and the class {@link LimpetError}. */

/** Code → when limpet raises it. A test compares this table with docs/errors.md. */
export const errorCodes = {
  ERR_LIMPET_OPTION: 'An option is unknown, misspelled, of the wrong type or out of its range.',
  ERR_LIMPET_ADDRESS: 'A string that must be an IPv4 or IPv6 address is not one.',
  ERR_LIMPET_ROLE: 'A call was made in the wrong process, or in the wrong order.',
  ERR_LIMPET_CLOSED: 'The router, ring or store was closed before the call.',
  ERR_LIMPET_ADDRESS_IN_USE: 'Another process, or another router, already listens on the address.',
  ERR_LIMPET_ADDRESS_DENIED: 'The operating system does not allow this process to bind the address.',
  ERR_LIMPET_ADDRESS_UNAVAILABLE: 'The host to bind is not an address of this machine.',
  ERR_LIMPET_NATIVE: 'The native addon is present but failed to load, or a system call in it failed.',
  ERR_LIMPET_HANDOFF_UNSUPPORTED:
    'The requested handoff does not work on this system, or not with the other options.',
  ERR_LIMPET_AFFINITY_TLS:
    'The affinity reads the request head, and the server uses TLS, which encrypts the head.',
  ERR_LIMPET_NO_WORKER: 'No worker could be started, or none is left to serve.',
  ERR_LIMPET_WORKER_START: 'The worker file does not exist, or a worker exited before it was ready.',
  ERR_LIMPET_UPGRADE:
    'This primary cannot be replaced here, or the new primary did not take over. Nothing has changed.',
  ERR_LIMPET_ADAPTER:
    'The argument of listen() is not a kind of server that limpet serves, or this Node.js lacks the internals that limpet needs.',
  ERR_LIMPET_NAME_IN_USE: 'Another running router of this user has the name.',
  ERR_LIMPET_CONTROL:
    'No router answers on its control socket, there is no directory for the socket, or it received an invalid request.',
  ERR_LIMPET_RING: "A ring's options are invalid, a node is not in the ring, or no node is up.",
  ERR_LIMPET_STORE:
    'A session store cannot be reached, refused the operation, or cannot be used as configured.',
  ERR_LIMPET_SESSION_GONE: 'The session was destroyed by another request. It was not stored again.',
  ERR_LIMPET_SESSION_CONFLICT:
    "The session was changed by another request, and onConflict is 'error'. It was not stored.",
  ERR_LIMPET_SESSION_SIZE: 'The session is larger than sessionBytesMax. It was not stored.',
} as const;

/** The code of an error. Codes are stable: match on them ([what each code means](../errors.md)). */
export type ErrorCode = keyof typeof errorCodes;

/**
 * Every error that limpet throws or rejects with. `message` says what was wrong, what was expected and what to do. `cause` is the
 * error of the system, if the system caused it.
 */
export class LimpetError extends Error {
  /** @internal */
  override readonly name = 'LimpetError';
  readonly code: ErrorCode;
  /** The values that the message names, for use by programs. */
  readonly facts: Readonly<Record<string, unknown>>;

  /** @internal */
  constructor(code: ErrorCode, message: string, facts: Record<string, unknown> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.facts = Object.freeze({ ...facts });
  }
}

/** Runs a public call. If it throws a LimpetError, the stack of that error begins at the caller of `entry`, not inside limpet. */
export function atCaller<T>(entry: (...args: never[]) => unknown, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof LimpetError) Error.captureStackTrace(error, entry);
    throw error;
  }
}
