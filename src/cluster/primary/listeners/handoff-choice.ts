import { LimpetError } from '../../../errors.js';
import type { HandoffName, PrimaryHandoff } from '../../../handoff/contract.js';
import type { ServerTraits } from '../../protocol.js';

/** The handoff that serves a listener, and the reason. */
export interface HandoffChoice {
  readonly name: HandoffName;
  /** The reason why no better handoff serves the listener, in words for people, or `the first choice`. */
  readonly reason: string;
}

/** A handoff that may serve a listener. Only its `open()` shows whether the system supports it. */
export interface HandoffOption extends HandoffChoice {
  readonly handoff: PrimaryHandoff;
}

/** The facts that decide which handoffs may serve a listener. */
export interface HandoffConditions {
  /** The router's option `handoff`. */
  readonly wanted: HandoffName | 'auto';
  /** The reason why the router has no acceptor thread, which `kernel` and `fd` need. Undefined if it has one, or needs none. */
  readonly noAcceptor: string | undefined;
  /** The affinity in words, if it reads what a client sends first. Undefined if it needs the address only. */
  readonly readingAffinity: string | undefined;
  /** True if `maxLoad` bounds the connections of each worker. */
  readonly isLoadBounded: boolean;
  /** True if the listening socket belongs to the service manager (systemd). */
  readonly isSocketManaged: boolean;
  readonly server: ServerTraits['kind'];
}

const firstChoice = 'the first choice';

/** The handoffs that may serve a listener, best first. Throws ERR_LIMPET_HANDOFF_UNSUPPORTED if there is none. */
export function chooseHandoffs(conditions: HandoffConditions): HandoffChoice[] {
  const { wanted, noAcceptor, readingAffinity, server } = conditions;
  const noKernel = reasonAgainstKernel(conditions);
  const choices: HandoffChoice[] = [];
  if (noAcceptor === undefined && (wanted === 'kernel' || wanted === 'auto')) {
    if (noKernel === undefined) choices.push({ name: 'kernel', reason: firstChoice });
    else if (wanted === 'kernel') throw unsupported('kernel', noKernel);
  }
  if (noAcceptor === undefined && (wanted === 'fd' || wanted === 'auto')) {
    const reason = wanted === 'auto' ? noKernel : undefined;
    choices.push({ name: 'fd', reason: reason ?? firstChoice });
  }
  if (readingAffinity !== undefined && server === 'uws') {
    // Over `ipc` the primary has read the head. A uWebSockets.js server takes a bare descriptor, without bytes that were read from it.
    if (choices.length === 0) {
      throw unsupported(
        'ipc',
        `affinity by ${readingAffinity} reads the request head, and uWebSockets.js cannot take back what was read`,
      );
    }
    return choices;
  }
  if (wanted === 'ipc' || wanted === 'auto') choices.push({ name: 'ipc', reason: noAcceptor ?? firstChoice });
  return choices;
}

/** The error of a router whose option `handoff` needs an acceptor thread, and that has none. */
export function acceptorMissing(handoff: string, reason: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_HANDOFF_UNSUPPORTED',
    `handoff ${handoff} is not possible: ${reason}. Use 'auto' or 'ipc'.`,
    { handoff, reason },
  );
}

function reasonAgainstKernel({
  readingAffinity,
  isLoadBounded,
  isSocketManaged,
}: HandoffConditions): string | undefined {
  if (readingAffinity !== undefined) {
    return `affinity by ${readingAffinity} needs bytes that the client sends, and kernel reads none`;
  }
  if (isLoadBounded) {
    return 'maxLoad needs the number of connections of each worker, and kernel does not count them';
  }
  if (isSocketManaged) {
    return 'the service manager owns the listening socket, and kernel needs a socket for each slot';
  }
  return undefined;
}

function unsupported(handoff: HandoffName, reason: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_HANDOFF_UNSUPPORTED',
    `handoff ${handoff} is not possible: ${reason}. Use 'auto', which takes the best possible handoff.`,
    { handoff, reason },
  );
}
