import { type Backend, type BackendListener, type BackendStatus, type Replaced, type Row } from './backend.js';
/** The part of node:sqlite that is used. Node 20 does not have it, and @types/node may not either. */
interface Statement {
    get(...values: (string | number)[]): Record<string, unknown> | undefined;
    all(...values: (string | number)[]): Record<string, unknown>[];
    run(...values: (string | number)[]): {
        changes: number | bigint;
    };
}
interface Database {
    exec(sql: string): void;
    prepare(sql: string): Statement;
    close(): void;
}
interface SqliteModule {
    DatabaseSync: new (path: string) => Database;
}
/** Node's own SQLite, or undefined where this Node has none. */
export declare function nodeSqlite(): SqliteModule | undefined;
/**
 * Rows in a SQLite file that the processes of one machine share (WAL: readers never wait, an acknowledged write
 * survives SIGKILL of everything). The file has mode 0600. Its size is bounded by `bytesMax`; see {@link storeFull}.
 */
export declare class SqliteBackend implements Backend {
    #private;
    /** Throws ERR_LIMPET_STORE when the file is damaged, is another database, or cannot be written. */
    constructor(sqlite: SqliteModule, path: string, bytesMax: number);
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
export {};
