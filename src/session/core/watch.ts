import { EventEmitter } from 'node:events';
import type { Backend } from './backend.js';

/** What a watch tells. */
export interface SessionWatchEvents {
  /** The session is no more: destroyed anywhere, expired, or evicted. Emitted once; the watch is closed by then. */
  destroyed: [];
  /** Another request stored other data in it: reload it to see them. */
  changed: [];
}

/** One watch of one session, from `store.watch(sid)`. Close it when the socket closes. */
export class SessionWatch extends EventEmitter<SessionWatchEvents> {
  /** Of the session that is watched. */
  readonly sid: string;
  readonly #close: (watch: SessionWatch) => void;

  /** @internal */
  constructor(sid: string, close: (watch: SessionWatch) => void) {
    super();
    this.sid = sid;
    this.#close = close;
  }

  /** Ends the watch; nothing is emitted any more. Idempotent. */
  close(): void {
    this.#close(this);
  }
}

/** After a message has been missed, or where the store sends none, every watched session is looked at so often. */
const lookAgainMs = 1000;

/**
 * All watches of one store. A message from the backend makes it look at the row; a slow round over all watched rows
 * makes sure that nothing stays unseen.
 */
export class Watchers {
  readonly #backend: Backend;
  readonly #watches = new Map<string, Set<SessionWatch>>();
  readonly #raws = new Map<string, string>();
  #round: NodeJS.Timeout | undefined;
  #roundRuns = false;
  #roundAgain = false;

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
      this.#round ??= setTimeout(() => void this.#lookAtAll(), lookAgainMs).unref();
    }
    void this.#lookAt(sid);
    return watch;
  }

  /** The row of `sid`, or any row, may have changed. */
  look(sid: string | undefined): void {
    if (sid === undefined) void this.#lookAtAll();
    else if (this.#watches.has(sid)) void this.#lookAt(sid);
  }

  /** The row of `sid` is known to be gone. */
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
      // The store is away: the next round asks again.
    }
  }

  async #lookAtAll(): Promise<void> {
    this.#roundAgain = true;
    if (this.#roundRuns) return;
    this.#roundRuns = true;
    clearTimeout(this.#round);
    while (this.#roundAgain) {
      this.#roundAgain = false;
      for (const sid of [...this.#watches.keys()]) await this.#lookAt(sid);
    }
    this.#roundRuns = false;
    this.#round =
      this.#watches.size > 0 ? setTimeout(() => void this.#lookAtAll(), lookAgainMs).unref() : undefined;
  }
}
