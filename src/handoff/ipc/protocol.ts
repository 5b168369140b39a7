/**
 * The messages between the two halves of ipc.
 *
 * The primary keeps its copy of a handle until the worker says `took`. The worker says so before it reads a byte. If a worker dies or
 * stalls, the primary passes on every connection that the worker had not taken. No connection is served twice.
 *
 *     primary → worker   { seq, at } + handle   a connection; with `client` and `read` if the primary has read from it
 *     worker → primary   { took }               I serve it: close your copy
 *                        { returned }           I take no new connections: give it to another worker
 *                        { mayTake }            I was halted when it came: may I still serve it?
 *     primary → worker   { take } | { drop }    the answer to `mayTake`
 *     primary → worker   { probe }              have all handles up to this one arrived?
 *     worker → primary   { reached }            yes: a handle that I have not answered for was lost on the way
 *     worker → primary   { closed }             how many more connections are closed; only if the load of the workers is counted
 */
import type { ProxiedClient } from '../../connection.js';

/** One connection; its handle travels with the message. */
export type Delivery = {
  /** The number of the connection, of its own within the primary. The answers name it. */
  readonly seq: number;
  /** When it was sent, in ms of the shared clock. */
  readonly at: number;
  /** The client in the connection's PROXY header, if there was one. */
  readonly client?: ProxiedClient | undefined;
  /** The bytes that the primary has read from the connection, in base64. */
  readonly read?: string | undefined;
};

/** Each message has one member; its number is a `seq`. */
export type ToWorker = {
  readonly take?: number;
  readonly drop?: number;
  readonly probe?: number;
};

/** Each message has one member; its number is a `seq`, except in `closed`, which counts connections. */
export type ToPrimary = {
  readonly took?: number;
  readonly returned?: number;
  readonly mayTake?: number;
  readonly reached?: number;
  readonly closed?: number;
};

/** Milliseconds on the monotonic clock of the machine, which all its processes share. */
export function sharedClockMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
