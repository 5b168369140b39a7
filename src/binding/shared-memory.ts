/**
 * The shared memory: counters of the primary, of its acceptor thread and of all workers (Apache calls it a scoreboard). Each cell is a
 * double that one process writes and every process can read. The counters of a dead worker stay as it left them.
 *
 * The memory begins with blocks of 24 cells: a header, one block for each slot, one block for each worker. After them come two copies of
 * the ring's homes. native/handoff/shared_memory.h describes the same layout.
 */
import type { HandoffBinding, SteeringTable } from './handoff-binding.js';

/** A test compares these figures with those of native/handoff/shared_memory.h. */
export const sharedMemoryLayout = {
  /** The cells of one block. */
  cellsPerRow: 24,
  slots: 256,
  workers: 767,
  homesOffset: 196_608,
  bucketsMax: 65_536,
  /** The upper bounds of the latency cells; the last cell has none. A latency is the time from placing a connection to its worker. */
  latencyBoundsUs: [100, 300, 1000, 3000, 10_000, 100_000, 1_000_000],
  workerCells: 18,
  bytes: 458_752,
} as const;

/** The cells of a worker's block, in their order. native/handoff/shared_memory.h says what each of them counts. */
const workerCells = [
  'accepted',
  'closed',
  'taking',
  'missteered',
  'credits',
  'starved',
  'returned',
  'steered',
  'busiest',
  'latencyUs',
] as const;
/** The cells of a slot's block, in their order. */
const slotCells = ['handed', 'diverted', 'queued', 'queueFull', 'hungry', 'abandoned'] as const;
/** The cells of the header. Cell 0 is the version of the layout. */
const header = { key0: 1, key1: 2, buckets: 3, ipv6Prefix: 4 } as const;

export type WorkerCounts = Record<(typeof workerCells)[number], number> & {
  /** For each of `latencyBoundsUs`, the number of connections with at most this latency, but more than the bound before; then all others. */
  readonly latency: readonly number[];
};
export type SlotCounts = Record<(typeof slotCells)[number], number>;

export class SharedMemory {
  /** The descriptor, which workers inherit. */
  readonly fd: number;
  readonly #binding: HandoffBinding;
  readonly #cells: Float64Array;
  readonly #homes: readonly [Uint16Array, Uint16Array];

  private constructor(binding: HandoffBinding, fd: number) {
    const memory = binding.mapSharedMemory(fd);
    const { homesOffset, bucketsMax } = sharedMemoryLayout;
    this.fd = fd;
    this.#binding = binding;
    this.#cells = new Float64Array(memory, 0, homesOffset / Float64Array.BYTES_PER_ELEMENT);
    this.#homes = [
      new Uint16Array(memory, homesOffset, bucketsMax),
      new Uint16Array(memory, homesOffset + bucketsMax * Uint16Array.BYTES_PER_ELEMENT, bucketsMax),
    ];
  }

  /** New shared memory, all zeros. Throws the system's error. */
  static create(binding: HandoffBinding): SharedMemory {
    return new SharedMemory(binding, binding.createSharedMemory());
  }

  /** The shared memory of an inherited descriptor. */
  static map(binding: HandoffBinding, fd: number): SharedMemory {
    return new SharedMemory(binding, fd);
  }

  worker(workerIndex: number): WorkerCounts {
    const at = this.#workerAt(workerIndex);
    const latency = this.#cells.slice(at + workerCells.length, at + sharedMemoryLayout.workerCells);
    return { ...(this.#read(workerCells, at) as WorkerCounts), latency: [...latency] };
  }

  slot(slot: number): SlotCounts {
    return this.#read(slotCells, (1 + slot) * sharedMemoryLayout.cellsPerRow) as SlotCounts;
  }

  /** One of the worker's connections has closed. Only the worker itself calls this. */
  countClosed(workerIndex: number): void {
    const cell = this.#workerAt(workerIndex) + workerCells.indexOf('closed');
    this.#cells[cell] = (this.#cells[cell] as number) + 1;
  }

  /** Sets the worker's cells to 0. Only the primary calls this, when the worker has exited. */
  clearWorker(workerIndex: number): void {
    const at = this.#workerAt(workerIndex);
    this.#cells.fill(0, at, at + sharedMemoryLayout.cellsPerRow);
  }

  /** Only the primary calls this, before the kernel steers by the ring. Workers check their connections against this ring and the one before. */
  publishRing({ key, ipv6Prefix, homes }: SteeringTable): void {
    const words = new DataView(key.buffer, key.byteOffset, key.byteLength);
    const [current, previous] = this.#homes;
    const first = this.#cells[header.buckets] === 0;
    previous.set(first ? homes : current.subarray(0, homes.length));
    current.set(homes);
    this.#cells[header.key0] = words.getUint32(0, true);
    this.#cells[header.key1] = words.getUint32(4, true);
    this.#cells[header.ipv6Prefix] = ipv6Prefix;
    this.#cells[header.buckets] = homes.length;
  }

  close(): void {
    this.#binding.close(this.fd);
  }

  #workerAt(workerIndex: number): number {
    return (1 + sharedMemoryLayout.slots + workerIndex) * sharedMemoryLayout.cellsPerRow;
  }

  #read(names: readonly string[], at: number): Record<string, number> {
    return Object.fromEntries(names.map((name, cell) => [name, this.#cells[at + cell] as number]));
  }
}
