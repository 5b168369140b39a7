import { type Backend, type BackendListener, type BackendStatus, type Replaced, type Row } from './backend.js';
/**
 * Makes this primary keep the sessions of LocalStores in its workers, those that it has and those that it will fork.
 * limpet's router calls it; call it in a primary of your own. `bytesMax` bounds the memory (default 64 MiB).
 * Idempotent; costs nothing until a worker asks. Throws ERR_LIMPET_ROLE in a worker.
 */
export declare function serveSessionMemory({ bytesMax }?: {
    bytesMax?: number;
}): void;
/** The worker's side: a backend whose rows are in the primary. */
export declare class PrimaryMemoryBackend implements Backend {
    #private;
    constructor(timeoutMs: number);
    read(sid: string): Promise<Row | undefined>;
    create(sid: string, raw: string, ttlMs: number): Promise<void>;
    replace(sid: string, known: string | undefined, raw: string, ttlMs: number): Promise<Replaced>;
    touch(sid: string, ttlMs: number): Promise<boolean>;
    remove(sid: string): Promise<void>;
    list(): AsyncGenerator<string[]>;
    follow(sid: string): void;
    unfollow(sid: string): void;
    listen(listener: BackendListener): void;
    /** The primary's figures as of the last call. */
    status(): BackendStatus;
    close(): Promise<void>;
}
