import type { EventEmitter } from 'node:events';
import type { BoundAddress } from '../../connection.js';
import type { LimpetError } from '../../errors.js';

/** What a router emits, with what its listeners are given. */
export interface RouterEvents {
  /** A listener is bound. */
  listening: [address: BoundAddress];
  /** A listener could not be bound: whoever asked for it is told, and may ask again. */
  unbound: [error: LimpetError];
  /** A process was forked for a slot. */
  starting: [slot: number, pid: number | undefined];
  /** A slot's process is given its clients. */
  ready: [slot: number, pid: number | undefined];
  /** A slot's process leaves: it takes nothing new and finishes what it has. */
  draining: [slot: number, pid: number | undefined, reason: string];
  /** A slot's process ended, whatever the reason. */
  gone: [slot: number, pid: number | undefined, reason: string];
  /** A slot's process gives no sign of life: fallbacks serve its clients. False when it is back. */
  stalled: [slot: number, pid: number | undefined, stalled: boolean];
  /** The first slots are served, and no primary before this one serves any more. */
  serving: [];
  /** A reload begins. */
  reloading: [];
  /** It has ended, whether or not it could be done. */
  reloaded: [];
  /** A new primary, the process `pid`, has taken over; this one closes. */
  upgraded: [pid: number];
  /** The router begins to close. */
  closing: [reason: string];
  /** The router cannot go on, or something needs a person (a crash loop). Never emitted without a listener. */
  error: [error: LimpetError];
  /** No process is left, and nothing listens any more. */
  closed: [];
}

/** The part of a router that its rooms listen to. */
export type RouterEventSource = Pick<EventEmitter<RouterEvents>, 'on' | 'once' | 'off'>;

/** The part of a router through which its rooms tell what has happened. */
export type RouterEventSink = Pick<EventEmitter<RouterEvents>, 'emit'>;
