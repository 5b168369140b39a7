/** native/shared_page.h has the same figures; a test holds the two together. */
const pageLayout = {
    cellsPerRow: 16,
    slots: 256,
    workers: 767,
    homesOffset: 131_072,
    bucketsMax: 65_536,
    bytes: 393_216,
};
/** The cells of a worker's row, in their order; native/shared_page.h says what each counts. */
const workerCells = ['accepted', 'closed', 'taking', 'missteered', 'credits', 'starved', 'returned'];
/** The cells of a slot's row, in their order. */
const slotCells = ['handed', 'diverted', 'queued', 'refused', 'hungry'];
/** The first row: the layout's version, then what steers. */
const header = { key0: 1, key1: 2, buckets: 3, ipv6Prefix: 4 };
export class SharedPage {
    /** What workers inherit. */
    fd;
    #binding;
    #cells;
    #homes;
    constructor(binding, fd) {
        const memory = binding.mapPage(fd);
        const { homesOffset, bucketsMax } = pageLayout;
        this.fd = fd;
        this.#binding = binding;
        this.#cells = new Float64Array(memory, 0, homesOffset / Float64Array.BYTES_PER_ELEMENT);
        this.#homes = [
            new Uint16Array(memory, homesOffset, bucketsMax),
            new Uint16Array(memory, homesOffset + bucketsMax * Uint16Array.BYTES_PER_ELEMENT, bucketsMax),
        ];
    }
    /** A new page, all zeros. Throws what the system refuses. */
    static create(binding) {
        return new SharedPage(binding, binding.createPage());
    }
    /** The page behind a descriptor that was inherited. */
    static map(binding, fd) {
        return new SharedPage(binding, fd);
    }
    worker(row) {
        return this.#read(workerCells, this.#workerAt(row));
    }
    slot(slot) {
        return this.#read(slotCells, (1 + slot) * pageLayout.cellsPerRow);
    }
    /** For the process that owns the row: one of the connections that it had accepted is closed. */
    countClosed(row) {
        const cell = this.#workerAt(row) + workerCells.indexOf('closed');
        this.#cells[cell] = this.#cells[cell] + 1;
    }
    /** For the primary, when the process that owned the row is gone. */
    clearWorker(row) {
        const at = this.#workerAt(row);
        this.#cells.fill(0, at, at + pageLayout.cellsPerRow);
    }
    /** For the primary, before the kernel steers by it: workers check what reaches them against this table and the one before. */
    steerBy({ key, ipv6Prefix, homes }) {
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
    close() {
        this.#binding.close(this.fd);
    }
    #workerAt(row) {
        return (1 + pageLayout.slots + row) * pageLayout.cellsPerRow;
    }
    #read(names, at) {
        return Object.fromEntries(names.map((name, cell) => [name, this.#cells[at + cell]]));
    }
}
