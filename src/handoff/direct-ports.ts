import type { ListenAddress } from '../connection.js';

/** A port for each slot, `base` + slot, beside the shared one: whoever connects to it has chosen the slot. */
export interface DirectPorts {
  readonly base: number;
  readonly host: string | undefined;
  readonly ipv6Only: boolean;
  readonly backlog: number;
  /**
   * Whether another slot serves a port whose slot is down. False where the server could not tell its clients to come back: their
   * connections then wait for the slot.
   */
  readonly fallback: boolean;
}

/** What the slot's socket is called from one primary to the next. */
export function directKey({ base }: DirectPorts, slot: number): string {
  return `direct:${base + slot}`;
}

export function directAddress({ base, fallback: _, ...where }: DirectPorts, slot: number): ListenAddress {
  return { ...where, port: base + slot };
}
