import type { InheritedSockets } from '../../../handoff/listening-sockets.js';

/** The state that an old primary hands over to the new one. It travels as the first line of the pipe between the two. */
export interface HandoverState {
  /** The version of this format. A new primary refuses every other version. */
  readonly version: 1;
  /** The process id of the old primary. */
  readonly pid: number;
  readonly secret: string;
  /** The number of workers in the old primary's options. */
  readonly workers: number;
  /** The number of workers that the old primary has now. Undefined if it is that of the options. */
  readonly scaledTo: number | undefined;
  /** The listening sockets. `descriptors` are their numbers in the new process. */
  readonly sockets: readonly InheritedSockets[];
  /** The way to notify the service manager. Undefined if there is none. */
  readonly notify: NotifySettings | undefined;
}

export interface NotifySettings {
  /** The service manager's socket. */
  readonly path: string;
  /** The service manager expects a sign of life at least this often, in ms. 0: it expects none. */
  readonly watchdogMs: number;
}

/**
 * The messages that follow on the pipe, one JSON object a line:
 *
 *     new → old   { ready }      a worker serves in every slot
 *                 { failed }     the new primary gives up; the text says why
 *     old → new   { yours }      the router is yours: the service manager knows your process id
 */
export interface HandoverMessage {
  readonly ready?: true;
  readonly failed?: string;
  readonly yours?: true;
}

/** The environment variable with the number of the pipe's descriptor in the new process. */
export const handoverVariable = 'LIMPET_LEGACY';

export function lineOf(message: HandoverState | HandoverMessage): string {
  return `${JSON.stringify(message)}\n`;
}
