import type {
  HandoffBinding,
  NativeAcceptor,
  NativeInbox,
  NumericAddress,
  SteeringTable,
} from '../../src/binding/handoff-binding.ts';
import { sharedMemoryLayout } from '../../src/binding/shared-memory.ts';
import type { BoundAddress, RawHandle } from '../../src/connection.ts';
import type { HandoffMessage, WorkerEndpoint } from '../../src/handoff/contract.ts';

/** The acceptor thread: records every call as a text, such as `attach(1,7,3)`. */
export class FakeAcceptorThread implements NativeAcceptor {
  readonly calls: string[] = [];
  /** Listeners with connections that no worker has taken, and their number. */
  readonly unserved: Map<number, number> = new Map();
  /** Thrown by the next `add`. */
  addError: Error | undefined;
  #sources = 0;

  constructor(
    readonly options: object,
    readonly onEmptied: () => void,
  ) {}

  channelEnd(slot: number): number {
    return 200 + slot;
  }
  add(listener: number, fd: number, pinned?: number): number {
    if (this.addError) throw this.addError;
    this.calls.push(`add(${[listener, fd, ...(pinned === undefined ? [] : [pinned])]})`);
    return this.#sources++;
  }
  serve(source: number, mode: number, owners?: Uint16Array): void {
    this.calls.push(`serve(${source},${mode}${owners ? ',owners' : ''})`);
    this.lastOwners = owners;
  }
  lastOwners: Uint16Array | undefined;
  remove(source: number, drain: boolean): void {
    this.calls.push(`remove(${source},${drain})`);
  }
  setAffinity(listener: number): void {
    this.calls.push(`setAffinity(${listener})`);
  }
  refused(): Record<string, number> {
    return {};
  }
  busiest(): { seen: number; count: number } {
    return { seen: 10, count: 4 };
  }
  readonly rings: { owners: Uint16Array; homes: Uint16Array }[] = [];
  updateRing(owners: Uint16Array, homes: Uint16Array): void {
    this.rings.push({ owners, homes });
  }
  attach(slot: number, listener: number, workerIndex: number): void {
    this.calls.push(`attach(${slot},${listener},${workerIndex})`);
  }
  detach(slot: number, listener: number): void {
    this.calls.push(`detach(${slot},${listener})`);
  }
  queued(slot: number, listener: number): number {
    return slot * 100 + listener;
  }
  closeListener(listener: number): void {
    this.calls.push(`closeListener(${listener})`);
  }
  isEmpty(listener: number): boolean {
    return !this.unserved.has(listener);
  }
  closeQueued(listener: number): number {
    this.calls.push(`closeQueued(${listener})`);
    return this.unserved.get(listener) ?? 0;
  }
  stop(): void {
    this.calls.push('stop()');
  }

  /** The calls since the last `take`. */
  take(): string[] {
    return this.calls.splice(0);
  }
}

/** A reuseport group: the socket of slot n has the descriptor 1000 + n. */
export class FakeReuseportGroup {
  readonly first: NumericAddress | { readonly descriptors: Int32Array };
  readonly tables: SteeringTable[] = [];
  /** Thrown by `resize`, after it has added sockets. */
  resizeError: Error | undefined;
  closed = 0;
  size: number;

  constructor(
    first: NumericAddress | { readonly descriptors: Int32Array },
    slots: number,
    readonly backlog: number,
    table?: SteeringTable,
  ) {
    this.first = first;
    this.size = 'descriptors' in first ? first.descriptors.length : slots;
    if (table) this.tables.push(table);
  }
  resize(slots: number, table: SteeringTable): void {
    this.size = Math.max(this.size, slots);
    if (this.resizeError) throw this.resizeError;
    this.tables.push(table);
  }
  removeLast(): void {
    this.size -= 1;
  }
  descriptor(slot: number): number {
    return 1000 + slot;
  }
  close(): void {
    this.closed += 1;
  }
}

/** A worker's native inbox: records every call as a text. A test calls `deliver` after it has written the arrays. */
export class FakeNativeInbox implements NativeInbox {
  readonly calls: string[] = [];

  constructor(
    readonly options: {
      readonly descriptors: Int32Array;
      readonly listeners: Uint8Array;
      readonly peers: Uint8Array;
    },
    readonly deliver: (count: number, proxied: boolean) => void,
  ) {}

  accept(listener: number, fd: number): void {
    this.calls.push(`accept(${listener},${fd})`);
  }
  stopAccepting(listener: number, drain: boolean): void {
    this.calls.push(`stopAccepting(${listener},${drain})`);
  }
  receive(channel: number): void {
    this.calls.push(`receive(${channel})`);
  }
  expect(listener: number, expected: boolean): void {
    this.calls.push(`expect(${listener},${expected})`);
  }
  stop(): void {}

  take(): string[] {
    return this.calls.splice(0);
  }
}

const systemError = (syscall: string, code: string) =>
  Object.assign(new Error(`${syscall} ${code}`), { syscall, code });

/** The handoff part of the addon without the system: descriptors are numbers, and the shared memory is an ArrayBuffer. */
export class FakeBinding {
  readonly memory = new ArrayBuffer(sharedMemoryLayout.bytes);
  readonly threads: FakeAcceptorThread[] = [];
  readonly groups: FakeReuseportGroup[] = [];
  readonly inboxes: FakeNativeInbox[] = [];
  readonly calls: string[] = [];
  /** Thrown by the next new group. */
  groupError: Error | undefined;
  /** Thrown by `listenExclusively` for these ports. */
  readonly portsInUse: Set<number> = new Set();
  readonly Acceptor: new (
    ...args: ConstructorParameters<typeof FakeAcceptorThread>
  ) => FakeAcceptorThread;
  readonly ReuseportGroup: new (
    ...args: ConstructorParameters<typeof FakeReuseportGroup>
  ) => FakeReuseportGroup;
  readonly Inbox: new (
    ...args: ConstructorParameters<typeof FakeNativeInbox>
  ) => FakeNativeInbox;
  #descriptors = 50;

  constructor() {
    const fake = this;
    this.Acceptor = class extends FakeAcceptorThread {
      constructor(...args: ConstructorParameters<typeof FakeAcceptorThread>) {
        super(...args);
        fake.threads.push(this);
      }
    };
    this.ReuseportGroup = class extends FakeReuseportGroup {
      constructor(...args: ConstructorParameters<typeof FakeReuseportGroup>) {
        super(...args);
        if (fake.groupError) throw fake.groupError;
        fake.groups.push(this);
      }
    };
    this.Inbox = class extends FakeNativeInbox {
      constructor(...args: ConstructorParameters<typeof FakeNativeInbox>) {
        super(...args);
        fake.inboxes.push(this);
      }
    };
  }

  createSharedMemory(): number {
    return 40;
  }
  mapSharedMemory(): ArrayBuffer {
    return this.memory;
  }
  listenExclusively(address: NumericAddress, backlog: number): number {
    if ('port' in address && this.portsInUse.has(address.port)) throw systemError('bind', 'EADDRINUSE');
    this.calls.push(`listenExclusively(${JSON.stringify(address)},${backlog})`);
    return this.#descriptors++;
  }
  boundAddress(fd: number): BoundAddress {
    return { address: '127.0.0.1', family: 'IPv4', port: fd };
  }
  duplicate(fd: number): number {
    return fd + 1000;
  }
  close(fd: number): void {
    this.calls.push(`close(${fd})`);
  }
  closeOnExec(fd: number): void {
    this.calls.push(`closeOnExec(${fd})`);
  }

  /** The calls since the last `take`. */
  take(): string[] {
    return this.calls.splice(0);
  }

  /** The fake in the type of the addon. */
  get asBinding(): HandoffBinding {
    return this as unknown as HandoffBinding;
  }
}

/** The system's error of a call that failed. */
export { systemError };

/** A worker, as the primary half of a handoff sees it, that records what it was sent. */
export class FakeWorker implements WorkerEndpoint {
  readonly sent: { readonly message: HandoffMessage; readonly handle: RawHandle | undefined }[] = [];
  /** Whether the channel is closed. */
  closed = false;

  constructor(
    readonly slot: number,
    readonly workerIndex: number = slot,
  ) {}

  send(message: HandoffMessage, handle?: RawHandle): boolean {
    if (this.closed) return false;
    this.sent.push({ message, handle });
    return true;
  }

  /** The messages since the last `take`. */
  take(): HandoffMessage[] {
    return this.sent.splice(0).map(({ message }) => message);
  }
}
