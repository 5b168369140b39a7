import { channel } from 'node:diagnostics_channel';

/**
 * Every diagnostics channel that limpet publishes on, with the type of its messages. Subscribe with
 * `diagnostics_channel.subscribe('limpet:slot', (message) => …)`. A message is a plain object. limpet makes it only if the channel
 * has a subscriber. Only the handoff `ipc` publishes events of single connections. `kernel` and `fd` run no JavaScript for a
 * connection: they count (`router.status()`).
 */
export interface DiagnosticPayloads {
  /** A slot is in a new state. */
  'limpet:slot': { slot: number; pid: number | undefined; state: string; reason: string };
  /** A connection of this slot was closed, because nothing could serve it. */
  'limpet:refused': { slot: number; reason: string };
  /** A connection was closed before limpet chose a slot for it. */
  'limpet:unplaced': { reason: string };
  /** The connection's home slot was down. The connection went to the slot `to`. */
  'limpet:diverted': { slot: number; to: number };
  /** A problem that an operator should look at. limpet also emits it as a process warning. */
  'limpet:warning': { code: string; message: string };
  /** An error that affected one connection or one worker, and nothing else. */
  'limpet:fault': { where: string; error: unknown };
}

type Name = keyof DiagnosticPayloads;

const channels = {
  'limpet:slot': channel('limpet:slot'),
  'limpet:refused': channel('limpet:refused'),
  'limpet:unplaced': channel('limpet:unplaced'),
  'limpet:diverted': channel('limpet:diverted'),
  'limpet:warning': channel('limpet:warning'),
  'limpet:fault': channel('limpet:fault'),
} satisfies Record<Name, unknown>;

/** Publishes the result of `payload`. Calls `payload` only if the channel has a subscriber. */
export function publish<N extends Name>(name: N, payload: () => DiagnosticPayloads[N]): void {
  const target = channels[name];
  if (target.hasSubscribers) target.publish(payload());
}

/** Warns an operator twice: by a process warning, and on the channel `limpet:warning`. */
export function warn(code: string, message: string): void {
  publish('limpet:warning', () => ({ code, message }));
  process.emitWarning(message, { type: 'LimpetWarning', code });
}
