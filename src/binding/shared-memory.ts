/**
 * The page that the primary, its acceptor and all workers count on side by side; native/handoff/shared_memory.h lays it out. Anyone
 * reads it without asking; one process alone writes a cell. A dead worker's counts are as it left them.
 */
import type { HandoffBinding, SteeringTable } from './handoff-binding.js';

/** native/handoff/shared_memory.h has the same figures; a test holds the two together. */
export const sharedMemoryLayout = {
  cellsPerRow: 24,
  slots: 256,
  workers: 767,
  homesOffset: 196_608,
  bucketsMax: 65_536,
  /** How long handing on took: the upper bounds of all latency cells but the last, which has none. */
  latencyBoundsUs: [100, 300, 1000, 3000, 10_000, 100_000, 1_000_000],
  workerCells: 18,
  bytes: 458_752,
} as const;

/** The cells of a worker's workerIndex, in their order; native/handoff/shared_memory.h says what each counts. */
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
/** The cells of a slot's workerIndex, in their order. */
const slotCells = ['handed', 'diverted', 'queued', 'queueFull', 'hungry', 'abandoned'] as const;
/** The first workerIndex: the layout's version, then what steers. */
const header = { key0: 1, key1: 2, buckets: 3, ipv6Prefix: 4 } as const;

export type WorkerCounts = Record<(typeof workerCells)[number], number> & {
  /** How many connections reached the process within each of `latencyBoundsUs`, and beyond. */
  readonly latency: readonly number[];
};
export type SlotCounts = Record<(typeof slotCells)[number], number>;

export class SharedMemory {
  /** What workers inherit. */
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

  /** A new page, all zeros. Throws what the system refuses. */
  static create(binding: HandoffBinding): SharedMemory {
    return new SharedMemory(binding, binding.createSharedMemory());
  }

  /** The page behind a descriptor that was inherited. */
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

  /** For the process that owns the workerIndex: one of the connections that it had accepted is closed. */
  countClosed(workerIndex: number): void {
    const cell = this.#workerAt(workerIndex) + workerCells.indexOf('closed');
    this.#cells[cell] = (this.#cells[cell] as number) + 1;
  }

  /** For the primary, when the process that owned the workerIndex is gone. */
  clearWorker(workerIndex: number): void {
    const at = this.#workerAt(workerIndex);
    this.#cells.fill(0, at, at + sharedMemoryLayout.cellsPerRow);
  }

  /** For the primary, before the kernel steers by it: workers check what reaches them against this table and the one before. */
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
