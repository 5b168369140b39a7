import type { Adapter, AppServer } from '../../adapter/contract.js';
import { type HandoffBinding, handoffBinding } from '../../binding/handoff-binding.js';
import type { ListenAddress, RawHandle } from '../../connection.js';
import { type ErrorCode, LimpetError } from '../../errors.js';
import type { HandoffMessage, HandoffName, WorkerHandoff } from '../../handoff/contract.js';
import { FdWorker } from '../../handoff/fd/worker.js';
import { IpcWorker } from '../../handoff/ipc/worker.js';
import { KernelWorker } from '../../handoff/kernel/worker.js';
import { WorkerInbox } from '../../handoff/worker-inbox.js';
import {
  ListenerKeys,
  type ListenSettings,
  type OfType,
  type PrimaryMessage,
  type WorkerMessage,
  type WorkerSettings,
} from '../protocol.js';
import { WorkerAffinity } from './worker-affinity.js';

interface Listening {
  readonly adapter: Adapter;
  readonly backlog: number;
}

/** What a worker's listeners must know of the rest. */
export interface WorkerListenersContext {
  send(message: WorkerMessage): void;
  isHealthy(): boolean;
}

/** The listeners as a worker has them: for each a server, and the half of the handoff that brings it connections. */
export class WorkerListeners {
  readonly #slot: number;
  readonly #workerIndex: number;
  readonly #around: WorkerListenersContext;
  readonly #inbox: WorkerInbox | undefined;
  readonly #waiting: Map<string, Listening> = new Map();
  readonly #listening: Set<Listening> = new Set();
  /** By listener. */
  readonly #handoffs: Map<number, WorkerHandoff> = new Map();
  readonly #keys: ListenerKeys = new ListenerKeys();
  #affinity: WorkerAffinity | undefined;
  /** Takes nothing new, on no listener. */
  #stopped = false;
  /** Nor ever will. */
  #left = false;

  constructor(slot: number, { workerIndex, inherited }: WorkerSettings, around: WorkerListenersContext) {
    this.#slot = slot;
    this.#workerIndex = workerIndex;
    this.#around = around;
    if (inherited.count > 0) {
      this.#inbox = new WorkerInbox(handoffBinding() as HandoffBinding, {
        slot,
        workerIndex,
        channel: inherited.from,
        memory: inherited.from + 1,
      });
    }
  }

  /** Told with the first listener. */
  get affinity(): WorkerAffinity | undefined {
    return this.#affinity;
  }

  /** Connections that the servers have. */
  get open(): number {
    let open = 0;
    for (const { adapter } of this.#listening) open += adapter.open;
    return open;
  }

  /** Asks the primary for the address; {@link bound} or {@link unbound} is its answer. */
  ask(served: AppServer, address: ListenAddress, closedByApp: () => void): void {
    const listening = { adapter: served.adapter(closedByApp), backlog: address.backlog };
    const key = this.#keys.of(address);
    this.#waiting.set(key, listening);
    this.#around.send({ type: 'listen', key, address, server: { kind: served.kind, tls: served.tls } });
  }

  bound({ key, listener, address, handoff, direct, settings }: OfType<PrimaryMessage, 'bound'>): void {
    const listening = this.#waiting.get(key);
    if (!listening) return;
    this.#waiting.delete(key);
    if (this.#left) return;
    const { adapter } = listening;
    this.#affinity ??= new WorkerAffinity(settings.affinity, this.#slot, this.#workerIndex);
    this.#affinity.mark(adapter);
    this.#feed(listener, handoff, adapter, settings);
    if (direct) {
      this.#feed(direct.listener, direct.handoff, adapter, settings);
      adapter.directPorts?.(direct.base, this.#slot, (address as { port: number }).port);
    }
    this.#listening.add(listening);
    adapter.listen(address, listening.backlog);
    this.#affinity.forwardRequests(adapter, listener, settings.loadBounded, () => {
      if (direct) this.#around.send({ type: 'open', listener: direct.listener });
      this.#around.send({ type: 'open', listener });
    });
    const { healthPath } = settings;
    if (healthPath !== undefined) adapter.answerHealth?.(healthPath, this.#around.isHealthy);
  }

  unbound({ key, code, text }: OfType<PrimaryMessage, 'unbound'>): void {
    const listening = this.#waiting.get(key);
    this.#waiting.delete(key);
    listening?.adapter.failed(new LimpetError(code as ErrorCode, text));
  }

  /** What the primary's half of a handoff says to the one here. */
  received({ listener, body }: OfType<PrimaryMessage, 'handoff'>, handle: RawHandle | undefined): void {
    this.#handoffs.get(listener)?.received(body, handle);
  }

  /** The slot's clients come from here on. */
  receiveConnections(): void {
    this.#inbox?.receive();
  }

  /** From here on no connection is kept beyond its next answer, and proxies that ask are told to go elsewhere. */
  closeAfterAnswers(): void {
    for (const { adapter } of this.#listening) adapter.closeAfterAnswers();
  }

  /** Takes nothing new until it is to {@link resume}, and says so when that is certain. */
  stop(): void {
    this.#stopped = true;
    let left = this.#handoffs.size;
    const stopped = () => {
      left -= 1;
      if (left <= 0) this.#around.send({ type: 'stopped' });
    };
    if (left === 0) stopped();
    for (const half of this.#handoffs.values()) half.stop(stopped);
  }

  resume(): void {
    if (this.#left) return;
    this.#stopped = false;
    for (const half of this.#handoffs.values()) half.resume();
  }

  /** Stops for good. Returns what is to be drained. */
  leave(): readonly Adapter[] {
    this.#left = true;
    this.stop();
    return [...this.#listening, ...this.#waiting.values()].map(({ adapter }) => adapter);
  }

  #feed(listener: number, handoff: HandoffName, adapter: Adapter, settings: ListenSettings): void {
    const half = this.#workerHandoff(handoff, listener, adapter, settings);
    if (this.#stopped) half.stop(() => {});
    this.#handoffs.set(listener, half);
  }

  #workerHandoff(
    handoff: HandoffName,
    listener: number,
    adapter: Adapter,
    settings: ListenSettings,
  ): WorkerHandoff {
    const send = (body: HandoffMessage) => this.#around.send({ type: 'handoff', listener, body });
    const inbox = this.#inbox;
    if (handoff === 'ipc' || !inbox) return new IpcWorker(adapter, send, settings);
    adapter.onClosed = () => inbox.countClosed();
    return handoff === 'kernel'
      ? new KernelWorker(inbox, listener, adapter, send)
      : new FdWorker(inbox, listener, adapter);
  }
}
