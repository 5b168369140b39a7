import type { Adapter, AppServer } from '../../adapter/contract.js';
import type { ListenAddress, RawHandle } from '../../connection.js';
import { type ErrorCode, LimpetError } from '../../errors.js';
import type { HandoffMessage, HandoffName, WorkerHandoff } from '../../handoff/contract.js';
import { FdWorker } from '../../handoff/fd/worker.js';
import { IpcWorker } from '../../handoff/ipc/worker.js';
import { KernelWorker } from '../../handoff/kernel/worker.js';
import type { WorkerInbox } from '../../handoff/worker-inbox.js';
import {
  ListenerKeys,
  type ListenSettings,
  type OfType,
  type PrimaryMessage,
  type WorkerMessage,
} from '../protocol.js';
import { WorkerAffinity } from './worker-affinity.js';

/** A server for which the app called listen(). */
interface WorkerListener {
  readonly adapter: Adapter;
  readonly backlog: number;
}

/** The parts of a worker that its listeners use. */
export interface WorkerListenersContext {
  readonly slot: number;
  readonly workerIndex: number;
  /** Undefined if the process inherited no descriptors: all handoffs are then `ipc`. */
  readonly inbox: WorkerInbox | undefined;
  send(message: WorkerMessage): void;
  isHealthy(): boolean;
}

/** The listeners of a worker. Each has the app's server and the worker half of the handoff that brings it connections. */
export class WorkerListeners {
  readonly #context: WorkerListenersContext;
  readonly #keys: ListenerKeys = new ListenerKeys();
  /** By key: those whose address the primary has not bound yet. */
  readonly #pending: Map<string, WorkerListener> = new Map();
  /** The keys of the addresses that a server of this worker has, or waits for. */
  readonly #inUse: Set<string> = new Set();
  readonly #bound: Set<WorkerListener> = new Set();
  /** By the router's number of the listener. */
  readonly #handoffs: Map<number, WorkerHandoff> = new Map();
  #affinity: WorkerAffinity | undefined;
  /** No listener takes new connections. */
  #stopped = false;
  /** The stop is final. */
  #left = false;

  constructor(context: WorkerListenersContext) {
    this.#context = context;
  }

  /** Undefined until the first listener is bound. */
  get affinity(): WorkerAffinity | undefined {
    return this.#affinity;
  }

  /** Connections that are open in the servers. */
  get open(): number {
    let open = 0;
    for (const { adapter } of this.#bound) open += adapter.open;
    return open;
  }

  /** Asks the primary to bind the address. Its answer comes to {@link bound} or {@link unbound}. */
  listen(served: AppServer, address: ListenAddress, closedByApp: () => void): void {
    const key = this.#keys.of(address);
    if (this.#inUse.has(key)) {
      served.adapter(() => {}).failed(addressInUse(key));
      return;
    }
    this.#inUse.add(key);
    this.#pending.set(key, { adapter: served.adapter(closedByApp), backlog: address.backlog });
    this.#context.send({ type: 'listen', key, address, server: { kind: served.kind, tls: served.tls } });
  }

  /** The primary has bound the address: the server begins to listen. */
  bound({
    key,
    listener: number,
    address,
    handoff,
    direct,
    settings,
  }: OfType<PrimaryMessage, 'bound'>): void {
    const listener = this.#pending.get(key);
    if (!listener) return;
    this.#pending.delete(key);
    if (this.#left) return;
    const { slot, workerIndex, send, isHealthy } = this.#context;
    const { adapter } = listener;
    this.#affinity ??= new WorkerAffinity(settings.affinity, slot, workerIndex);
    this.#affinity.setCookies(adapter);
    this.#addHandoff(number, handoff, adapter, settings);
    if (direct) {
      this.#addHandoff(direct.listener, direct.handoff, adapter, settings);
      adapter.directPorts?.(direct.base, slot, (address as { port: number }).port);
    }
    this.#bound.add(listener);
    adapter.listen(address, listener.backlog);
    this.#affinity.forwardRequests(adapter, number, settings.loadBounded, () => {
      if (direct) send({ type: 'open', listener: direct.listener });
      send({ type: 'open', listener: number });
    });
    const { healthPath } = settings;
    if (healthPath !== undefined) adapter.answerHealth?.(healthPath, isHealthy);
  }

  /** The primary cannot bind the address: the server reports the error. */
  unbound({ key, code, text }: OfType<PrimaryMessage, 'unbound'>): void {
    const listener = this.#pending.get(key);
    this.#pending.delete(key);
    this.#inUse.delete(key);
    listener?.adapter.failed(new LimpetError(code as ErrorCode, text));
  }

  /** Takes a message from the primary half of a handoff. */
  received({ listener, body }: OfType<PrimaryMessage, 'handoff'>, handle: RawHandle | undefined): void {
    this.#handoffs.get(listener)?.received(body, handle);
  }

  /** Begins to receive the slot's connections from the acceptor. */
  receiveConnections(): void {
    this.#context.inbox?.receive();
  }

  /** Closes each connection after its next response. */
  closeAfterAnswers(): void {
    for (const { adapter } of this.#bound) adapter.closeAfterAnswers();
  }

  /** Takes no new connections until {@link resume}. Sends `stopped` when no more can come. */
  stop(): void {
    this.#stopped = true;
    let remaining = this.#handoffs.size;
    const stopped = () => {
      remaining -= 1;
      if (remaining <= 0) this.#context.send({ type: 'stopped' });
    };
    if (remaining === 0) stopped();
    for (const handoff of this.#handoffs.values()) handoff.stop(stopped);
  }

  /** Undoes {@link stop}, but not {@link leave}. */
  resume(): void {
    if (this.#left) return;
    this.#stopped = false;
    for (const handoff of this.#handoffs.values()) handoff.resume();
  }

  /** Stops for good. Returns the adapters that must be drained. */
  leave(): readonly Adapter[] {
    this.#left = true;
    this.stop();
    return [...this.#bound, ...this.#pending.values()].map(({ adapter }) => adapter);
  }

  #addHandoff(listener: number, name: HandoffName, adapter: Adapter, settings: ListenSettings): void {
    const handoff = this.#makeHandoff(listener, name, adapter, settings);
    if (this.#stopped) handoff.stop(() => {});
    this.#handoffs.set(listener, handoff);
  }

  #makeHandoff(
    listener: number,
    name: HandoffName,
    adapter: Adapter,
    settings: ListenSettings,
  ): WorkerHandoff {
    const { inbox } = this.#context;
    const send = (body: HandoffMessage) => this.#context.send({ type: 'handoff', listener, body });
    if (name === 'ipc' || !inbox) return new IpcWorker(adapter, send, settings);
    adapter.onClosed = () => inbox.countClosed();
    return name === 'kernel'
      ? new KernelWorker(inbox, listener, adapter, send)
      : new FdWorker(inbox, listener, adapter);
  }
}

/** As Node refuses a second server of a process. */
function addressInUse(key: string): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_ADDRESS_IN_USE',
    `cannot listen on ${key}: another server of this worker has the address. Choose another port.`,
    { address: key },
  );
}
