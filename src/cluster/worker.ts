import cluster, { type Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';
import { url as inspectorUrl } from 'node:inspector';
import { performance } from 'node:perf_hooks';
import type { Adapter, Served } from '../adapter/contract.js';
import type { CookieIssuer } from '../affinity/cookie.js';
import { type HandoffBinding, handoffBinding } from '../binding/handoff-binding.js';
import type { ListenAddress } from '../connection.js';
import { publish } from '../diagnostics.js';
import { type ErrorCode, LimpetError } from '../errors.js';
import type { HandoffMessage, HandoffName, WorkerHandoff } from '../handoff/contract.js';
import { FdWorker } from '../handoff/fd-worker.js';
import { Intake } from '../handoff/intake.js';
import { IpcWorker } from '../handoff/ipc-worker.js';
import { KernelWorker } from '../handoff/kernel-worker.js';
import { sessionCache } from '../metrics.js';
import { type SeatPass, seatPassVariable } from './fork.js';
import { ListenerKeys } from './listener-key.js';
import { type ListenSettings, type PrimaryMessage, receive, send, type WorkerMessage } from './messages.js';
import { WorkerAffinity } from './worker-affinity.js';

type MessageOf<T extends PrimaryMessage['type']> = Extract<PrimaryMessage, { type: T }>;

interface Listening {
  readonly adapter: Adapter;
  readonly backlog: number;
}

/** What a worker emits. */
export interface WorkerEvents {
  /** The process leaves: it takes nothing new. `deadline` is when what is still open will be closed, in ms since the epoch. */
  drain: [deadline: number, reason: string];
}

/** This process in its slot. In a process that limpet did not fork, `slot` is undefined and nothing ever happens. */
export class LimpetWorker extends EventEmitter<WorkerEvents> {
  /** Resolves when this process is given its slot's clients. */
  readonly ready: Promise<void>;
  #slot: number | undefined;
  #pass: SeatPass | undefined;
  #intake: Intake | undefined;
  readonly #waiting: Map<string, Listening> = new Map();
  readonly #listening: Set<Listening> = new Set();
  /** By listener. */
  readonly #halves: Map<number, WorkerHandoff> = new Map();
  readonly #keys: ListenerKeys = new ListenerKeys();
  /** Told with the first listener. */
  #affinity: WorkerAffinity | undefined;
  #seated: () => void = () => {};
  readonly #holds: Set<() => void> = new Set();
  #released: () => void = () => {};
  #serves = false;
  #noticed = false;
  #leaving = false;
  /** Takes nothing new, on no listener. */
  #stopped = false;
  #beatAt = 0;
  #lagMs = 0;

  /** @internal */
  constructor() {
    super();
    this.ready = new Promise((resolve) => {
      this.#seated = resolve;
    });
    const pass = process.env[seatPassVariable];
    if (!cluster.isWorker || pass === undefined) return;
    delete process.env[seatPassVariable];
    this.#begin(JSON.parse(pass) as SeatPass, Number(process.env.LIMPET_SLOT));
  }

  #begin(pass: SeatPass, slot: number): void {
    this.#slot = slot;
    this.#pass = pass;
    const { row, inherited } = pass;
    if (inherited.count > 0) {
      this.#intake = new Intake(handoffBinding() as HandoffBinding, {
        slot,
        row,
        channel: inherited.from,
        page: inherited.from + 1,
      });
    }
    receive<PrimaryMessage>(process, (message, handle) => {
      if (message.type === 'handoff') this.#halves.get(message.listener)?.received(message.body, handle);
      else this.#received(message);
    });
    // Without its primary a worker finishes what it has and goes. Unless it looks intended, Node's cluster ends it at once.
    const self = cluster.worker as Worker;
    self.once('disconnect', () => {
      self.exitedAfterDisconnect = true;
      this.leave('the primary is gone', this.#pass?.drainTimeoutMs ?? 0, true);
    });
    if (pass.signals) {
      process.on('SIGTERM', () => this.leave('SIGTERM', this.#pass?.drainTimeoutMs ?? 0));
      // A terminal sends Ctrl-C to the whole group: the primary decides what becomes of its workers.
      process.on('SIGINT', () => {});
      process.on('SIGHUP', () => {});
    }
    const beat = setInterval(() => this.#beat(), pass.beatMs);
    beat.unref();
  }

  /** The slot of this process, 0 to N-1; a replacement has the same. */
  get slot(): number | undefined {
    return this.#slot;
  }

  /**
   * In a worker that the app forked itself: serves in the place that an {@link AdoptingRouter} in the primary gives it. Waits as
   * long as there is none.
   * @internal
   */
  adopt(served: Served): void {
    if (this.#pass) {
      throw new LimpetError(
        'ERR_LIMPET_ROLE',
        'adopt() was called in a worker that has its place. Call listen().',
      );
    }
    receive<PrimaryMessage>(process, (message) => {
      if (message.type !== 'adopted' || this.#pass) return;
      this.#begin(message.pass, message.slot);
      this.listen(served, { port: 0, host: undefined, ipv6Only: false, backlog: 511 });
    });
    this.#send({ type: 'adopt' });
  }

  /**
   * Keeps a leaving process until what it returns is called, but not beyond the deadline: for sessions between two requests.
   * When the router closes, and no request can come any more, the hold does not count, and `end` is called to end the session.
   */
  hold(end: () => void): () => void {
    // A function of its own for each hold, so that one `end` may hold twice.
    const held = () => end();
    this.#holds.add(held);
    return () => {
      if (this.#holds.delete(held) && this.#holds.size === 0) this.#released();
    };
  }

  /**
   * Gives out limpet's cookie for this slot; undefined before the process serves, and where affinity has no cookie.
   * @internal
   */
  get cookies(): CookieIssuer | undefined {
    return this.#affinity?.cookies;
  }

  /** Makes Engine.IO session ids that lead back to this process. Throws ERR_LIMPET_ROLE before the process serves. */
  makeSid(): string {
    if (!this.#affinity) {
      throw new LimpetError(
        'ERR_LIMPET_ROLE',
        'makeSid() was called before listen() took effect in this worker.',
      );
    }
    return this.#affinity.makeSid();
  }

  /**
   * Makes the app's server serve this slot's share of the address. Throws ERR_LIMPET_ROLE in a worker that limpet did not fork.
   * @internal
   */
  listen(served: Served, address: ListenAddress): void {
    if (!this.#pass) {
      throw new LimpetError(
        'ERR_LIMPET_ROLE',
        'listen() was called in a cluster worker that limpet did not fork. Remove cluster.fork() from the primary: limpet.listen() forks.',
      );
    }
    const listening: Listening = {
      adapter: served.adapter(() => this.leave('its server was closed', this.#pass?.drainTimeoutMs ?? 0)),
      backlog: address.backlog,
    };
    const key = this.#keys.of(address);
    this.#waiting.set(key, listening);
    this.#send({ type: 'listen', key, address, server: { kind: served.kind, tls: served.tls } });
  }

  /**
   * Takes nothing new, finishes what is open, closes the rest after `timeoutMs`, then exits with code 0. With `last` there is no router
   * any more through which the next request of a held session could come.
   * @internal
   */
  leave(reason: string, timeoutMs: number, last = false): void {
    if (this.#leaving) {
      if (last) this.#endHolds();
      return;
    }
    this.#leaving = true;
    this.#send({ type: 'leaving', reason });
    this.#stop();
    // What has been given notice already need not wait for proxies to let go of their idle connections.
    const lingerMs = this.#noticed || last ? 0 : (this.#pass?.noticeMs ?? 0);
    const deadline = Date.now() + lingerMs + timeoutMs;
    const adapters = [...this.#listening, ...this.#waiting.values()].map(({ adapter }) => adapter);
    this.emit('drain', deadline, reason);
    const released = new Promise<void>((resolve) => {
      this.#released = resolve;
      if (this.#holds.size === 0) resolve();
    });
    if (last) this.#endHolds();
    const drained = Promise.all(
      adapters.map((adapter) => new Promise<void>((done) => adapter.drain(done, released, lingerMs))),
    );
    const late = setTimeout(() => {
      for (const adapter of adapters) adapter.closeAll();
      setTimeout(() => process.exit(0), lastWordsMs);
    }, lingerMs + timeoutMs);
    const doorsClosed = () =>
      Promise.all(
        adapters.map(
          (adapter) => new Promise<void>((done) => (adapter.closeDoor ? adapter.closeDoor(done) : done())),
        ),
      );
    // Sessions that the process still holds are reached by its doors.
    const finished = Promise.all([drained, released]).then(doorsClosed);
    finished.then(() => {
      clearTimeout(late);
      // What the last connections wrote is with the kernel; what the app does on 'close' gets its turn first.
      setImmediate(() => process.exit(0));
    });
  }

  #endHolds(): void {
    for (const end of [...this.#holds]) end();
    this.#released();
  }

  #received(message: Exclude<PrimaryMessage, { type: 'handoff' }>): void {
    switch (message.type) {
      case 'bound':
        this.#bound(message);
        break;
      case 'unbound':
        this.#unbound(message);
        break;
      case 'seated':
        this.#intake?.receive();
        this.#serves = true;
        this.#seated();
        break;
      case 'neighbours':
        this.#affinity?.update(message.table);
        break;
      case 'notice':
        this.#notice();
        break;
      case 'stop':
        this.#stop();
        break;
      case 'resume':
        this.#resume();
        break;
      case 'drain':
        this.leave(message.reason, message.timeoutMs, message.last);
        break;
      case 'adopted':
      // Heard where it was asked for.
    }
  }

  #bound({ key, listener, address, handoff, direct, settings }: MessageOf<'bound'>): void {
    const listening = this.#waiting.get(key);
    if (!listening) return;
    this.#waiting.delete(key);
    if (this.#leaving) return;
    const { adapter } = listening;
    this.#affinity ??= new WorkerAffinity(settings.affinity, this.#slot as number, this.#pass?.row as number);
    this.#affinity.mark(adapter);
    this.#feed(listener, handoff, adapter, settings);
    if (direct) {
      this.#feed(direct.listener, direct.handoff, adapter, settings);
      adapter.directPorts?.(direct.base, this.#slot as number, (address as { port: number }).port);
    }
    this.#listening.add(listening);
    adapter.listen(address, listening.backlog);
    this.#affinity.rehome(adapter, listener, settings.loadBounded, () => {
      if (direct) this.#send({ type: 'open', listener: direct.listener });
      this.#send({ type: 'open', listener });
    });
    const { healthPath } = settings;
    if (healthPath !== undefined) adapter.answerHealth?.(healthPath, () => this.#isHealthy);
  }

  #feed(listener: number, handoff: HandoffName, adapter: Adapter, settings: ListenSettings): void {
    const half = this.#halfOf(handoff, listener, adapter, settings);
    if (this.#stopped) half.stop(() => {});
    this.#halves.set(listener, half);
  }

  get #isHealthy(): boolean {
    return this.#serves && !this.#noticed && !this.#leaving;
  }

  /** From here on no connection is kept beyond its next answer, and proxies that ask are told to go elsewhere. */
  #notice(): void {
    this.#noticed = true;
    for (const { adapter } of this.#listening) adapter.lastAnswers();
  }

  #halfOf(handoff: HandoffName, listener: number, adapter: Adapter, settings: ListenSettings): WorkerHandoff {
    const send = (body: HandoffMessage) => this.#send({ type: 'handoff', listener, body });
    const intake = this.#intake;
    if (handoff === 'ipc' || !intake) return new IpcWorker(adapter, send, settings);
    adapter.onClosed = () => intake.countClosed();
    return handoff === 'kernel'
      ? new KernelWorker(intake, listener, adapter, send)
      : new FdWorker(intake, listener, adapter);
  }

  #unbound({ key, code, text }: MessageOf<'unbound'>): void {
    const listening = this.#waiting.get(key);
    this.#waiting.delete(key);
    listening?.adapter.failed(new LimpetError(code as ErrorCode, text));
  }

  #stop(): void {
    this.#stopped = true;
    let left = this.#halves.size;
    const stopped = () => {
      left -= 1;
      if (left <= 0) this.#send({ type: 'stopped' });
    };
    if (left === 0) stopped();
    for (const half of this.#halves.values()) half.stop(stopped);
  }

  #resume(): void {
    if (this.#leaving) return;
    this.#stopped = false;
    for (const half of this.#halves.values()) half.resume();
  }

  #beat(): void {
    const now = performance.now();
    const everyMs = this.#pass?.beatMs ?? 0;
    if (this.#beatAt > 0) this.#lagMs = Math.max(0, Math.round(now - this.#beatAt - everyMs));
    this.#beatAt = now;
    let open = 0;
    for (const { adapter } of this.#listening) open += adapter.open;
    const rssBytes = process.memoryUsage.rss();
    const vitals = { open, lagMs: this.#lagMs, rssBytes, sessionCache };
    this.#send({ type: 'beat', ...vitals, debugger: inspectorUrl() !== undefined });
  }

  #send(message: WorkerMessage): void {
    if (!send(process, message))
      publish('limpet:fault', () => ({ where: 'channel to the primary', error: message.type }));
  }
}

/** Time for closing frames to reach the kernel. */
const lastWordsMs = 50;

/** This process, as a worker. */
export const worker: LimpetWorker = new LimpetWorker();
