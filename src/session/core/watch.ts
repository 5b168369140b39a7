import { EventEmitter } from 'node:events';
import type { Backend } from './backend.js';

/** Events of a watch. */
export interface SessionWatchEvents {
  /** The session was destroyed on any worker or machine, has expired, or was evicted. Emitted once, when the watch has closed. */
  destroyed: [];
  /** Another request stored other data in the session. Reload the session to read them. */
  changed: [];
}

/** One watch of one session, from `store.watch(sid)`. Close it when the socket closes. */
export class SessionWatch extends EventEmitter<SessionWatchEvents> {
  /** The sid of the watched session. */
  readonly sid: string;
  readonly #close: (watch: SessionWatch) => void;

  /** @internal */
  constructor(sid: string, close: (watch: SessionWatch) => void) {
    super();
    this.sid = sid;
    this.#close = close;
  }

  /** Ends the watch: no event is emitted afterwards. Idempotent. */
  close(): void {
    this.#close(this);
  }
}

/** Pause in milliseconds between two rounds over all watched rows. A change without a message is found within this time. */
const roundPauseMs = 1000;

/**
 * All watches of one store. At a message from the backend, the row is read. A round over all watched rows finds the changes whose
 * message was lost, or that the backend cannot report.
 */
export class Watchers {
  readonly #backend: Backend;
  readonly #watches = new Map<string, Set<SessionWatch>>();
  readonly #raws = new Map<string, string>();
  #round: NodeJS.Timeout | undefined;
  #roundIsRunning = false;
  #roundIsWanted = false;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  get size(): number {
    return this.#watches.size;
  }

  watch(sid: string): SessionWatch {
    const watch = new SessionWatch(sid, (closed) => this.#drop(closed));
    const others = this.#watches.get(sid);
    if (others) others.add(watch);
    else {
      this.#watches.set(sid, new Set([watch]));
      this.#backend.follow(sid);
      this.#round ??= setTimeout(() => void this.#lookAtAll(), roundPauseMs).unref();
    }
    void this.#lookAt(sid);
    return watch;
  }

  /** Reads the row of `sid` if it is watched, or every watched row without `sid`. Emits what has changed. */
  look(sid: string | undefined): void {
    if (sid === undefined) void this.#lookAtAll();
    else if (this.#watches.has(sid)) void this.#lookAt(sid);
  }

  /** Closes the watches of `sid` and emits 'destroyed'. Call it when the row is known to be gone. */
  gone(sid: string): void {
    const watches = this.#watches.get(sid);
    if (!watches) return;
    for (const watch of [...watches]) {
      watch.close();
      watch.emit('destroyed');
    }
  }

  close(): void {
    clearTimeout(this.#round);
    for (const watches of [...this.#watches.values()]) for (const watch of [...watches]) watch.close();
  }

  #drop(watch: SessionWatch): void {
    const watches = this.#watches.get(watch.sid);
    if (!watches?.delete(watch) || watches.size > 0) return;
    this.#watches.delete(watch.sid);
    this.#raws.delete(watch.sid);
    this.#backend.unfollow(watch.sid);
    if (this.#watches.size > 0) return;
    clearTimeout(this.#round);
    this.#round = undefined;
  }

  async #lookAt(sid: string): Promise<void> {
    try {
      const row = await this.#backend.read(sid);
      const watches = this.#watches.get(sid);
      if (!watches) return;
      if (!row) return this.gone(sid);
      const before = this.#raws.get(sid);
      this.#raws.set(sid, row.raw);
      if (before !== undefined && before !== row.raw) for (const watch of [...watches]) watch.emit('changed');
    } catch {
      // The store does not answer. The next round reads the row again.
    }
  }

  async #lookAtAll(): Promise<void> {
    this.#roundIsWanted = true;
    if (this.#roundIsRunning) return;
    this.#roundIsRunning = true;
    clearTimeout(this.#round);
    while (this.#roundIsWanted) {
      this.#roundIsWanted = false;
      for (const sid of [...this.#watches.keys()]) await this.#lookAt(sid);
    }
    this.#roundIsRunning = false;
    this.#round =
      this.#watches.size > 0 ? setTimeout(() => void this.#lookAtAll(), roundPauseMs).unref() : undefined;
  }
}
