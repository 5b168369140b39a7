import { EventEmitter } from 'node:events';
import type { BoundAddress } from '../../connection.js';
import type { LimpetError } from '../../errors.js';

/** The events of a router, with the arguments of their listeners. */
export interface RouterEvents {
  /** An address is bound. */
  listening: [address: BoundAddress];
  /** An address could not be bound. The caller gets the same error, and may ask again. */
  unbound: [error: LimpetError];
  /** A process was forked for a slot. */
  starting: [slot: number, pid: number | undefined];
  /** A process serves its slot. */
  ready: [slot: number, pid: number | undefined];
  /** A process drains: it takes nothing new and finishes what it has. */
  draining: [slot: number, pid: number | undefined, reason: string];
  /** A process has ended. */
  gone: [slot: number, pid: number | undefined, reason: string];
  /** True: a process gives no sign of life, and fallback slots serve its clients. False: it gives signs of life again. */
  stalled: [slot: number, pid: number | undefined, stalled: boolean];
  /** The first slot is served. In an upgrade: all slots are served, and the old primary serves no more. */
  serving: [];
  /** A reload begins. */
  reloading: [];
  /** A reload has ended, with or without success. */
  reloaded: [];
  /** A new primary, the process `pid`, has taken over. This router closes. */
  upgraded: [pid: number];
  /** The router begins to close. */
  closing: [reason: string];
  /** The router cannot go on, or something needs a person (a crash loop). Not emitted if there is no listener for it. */
  error: [error: LimpetError];
  /** No process is left, and nothing listens. */
  closed: [];
}

/** A router, for the parts of it that listen to its events. */
export type RouterEventSource = Pick<EventEmitter<RouterEvents>, 'on' | 'once' | 'off'>;

/** A router, for the parts of it that emit its events. */
export type RouterEventSink = Pick<EventEmitter<RouterEvents>, 'emit'>;

/** All events but `error`, which the router emits only if the app listens for it. */
const announced: readonly Exclude<keyof RouterEvents, 'error'>[] = [
  'listening',
  'unbound',
  'starting',
  'ready',
  'draining',
  'gone',
  'stalled',
  'serving',
  'reloading',
  'reloaded',
  'upgraded',
  'closing',
  'closed',
];

/**
 * The events between the parts of a router. Their listeners are limpet's own and run at once, while the state changes. The app's
 * listeners are on the router.
 */
export class RouterPartEvents extends EventEmitter<RouterEvents> {
  /**
   * Emits every event on `router` too: after the change, each in a tick of its own. So an exception of one listener of the app is an
   * `uncaughtException`, as everywhere in Node. No other event is lost by it, and no change is left half done.
   */
  constructor(router: EventEmitter<RouterEvents>) {
    super();
    this.setMaxListeners(0);
    for (const name of announced) {
      this.on(name, (...facts: unknown[]) => {
        process.nextTick(() => Reflect.apply(router.emit, router, [name, ...facts]));
      });
    }
  }
}
