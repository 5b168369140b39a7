import { channel } from 'node:diagnostics_channel';

/**
 * Every diagnostics channel that limpet publishes on, with its payload. Subscribe with
 * `diagnostics_channel.subscribe('limpet:slot', (message) => …)`. Payloads are plain objects, made only when somebody listens.
 * What befalls single connections is published by handoff `ipc`; `kernel` and `fd` run no JavaScript for them, and only count
 * (`router.status()`).
 */
export interface DiagnosticPayloads {
  /** A slot changed its state. */
  'limpet:slot': { slot: number; pid: number | undefined; state: string; reason: string };
  /** A connection could not be served and was closed, with the reason. */
  'limpet:refused': { slot: number; reason: string };
  /** A connection was closed before it could be placed, with the reason. */
  'limpet:unplaced': { reason: string };
  /** A connection went to another slot than its home, which is down. */
  'limpet:diverted': { slot: number; to: number };
  /** Something that a person should look at; it is said as a process warning, too. */
  'limpet:warning': { code: string; message: string };
  /** An error that concerns one connection or one worker and harmed nothing else. */
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

/** Publishes if anybody listens; `payload` is built only then. */
export function publish<N extends Name>(name: N, payload: () => DiagnosticPayloads[N]): void {
  const target = channels[name];
  if (target.hasSubscribers) target.publish(payload());
}

/** Says it where people look: as a process warning, and on `limpet:warning`. */
export function warn(code: string, message: string): void {
  publish('limpet:warning', () => ({ code, message }));
  process.emitWarning(message, { type: 'LimpetWarning', code });
}
