import { type Backend, type BackendListener, type BackendStatus, type Replaced, type Row } from './backend.js';
/**
 * Rows in this process's memory, bounded in bytes. When it is full, expired rows are removed; when it still is, new
 * rows and longer ones are refused: no one is logged out to make room.
 */
export declare class MemoryBackend implements Backend {
    #private;
    constructor(bytesMax: number);
    read(sid: string): Promise<Row | undefined>;
    create(sid: string, raw: string, ttlMs: number): Promise<void>;
    replace(sid: string, known: string | undefined, raw: string, ttlMs: number): Promise<Replaced>;
    touch(sid: string, ttlMs: number): Promise<boolean>;
    remove(sid: string): Promise<void>;
    list(): AsyncGenerator<string[]>;
    follow(sid: string): void;
    unfollow(sid: string): void;
    listen(listener: BackendListener): void;
    status(): BackendStatus;
    close(): Promise<void>;
}
/** The one policy of every bounded store. */
export declare function storeFull(bytesMax: number, cause?: unknown): Error;
