import type { InheritedSockets } from '../../../handoff/listening-sockets.js';

/** What a primary leaves to the one that takes its place; it travels as the first line of a pipe between the two. */
export interface HandoverState {
  /** Of this table: another one's state is refused. */
  readonly version: 1;
  /** The process that leaves it. */
  readonly pid: number;
  readonly secret: string;
  /** As its options had it, and as it was scaled since; undefined where it was not. */
  readonly workers: number;
  readonly scaledTo: number | undefined;
  /** With the numbers that the descriptors have in the new process. */
  readonly sockets: readonly InheritedSockets[];
  /** How the service manager is told, where there is one. */
  readonly notify: NotifySettings | undefined;
}

export interface NotifySettings {
  readonly path: string;
  /** How often it wants a sign of life at the least, in ms; 0 never. */
  readonly watchdogMs: number;
}

/**
 * What is said over the pipe after that, one JSON object a line:
 *
 *     new → old   { ready }      every slot's process serves
 *                 { failed }     I give up, and why
 *     old → new   { yours }      nobody else is asked any more: the service manager knows you, my name is free
 */
export interface HandoverMessage {
  readonly ready?: true;
  readonly failed?: string;
  readonly yours?: true;
}

/** The environment variable that holds the number of the pipe's descriptor. */
export const handoverVariable = 'LIMPET_LEGACY';

export function lineOf(word: HandoverState | HandoverMessage): string {
  return `${JSON.stringify(word)}\n`;
}
