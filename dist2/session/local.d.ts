import { SessionStore, type StoreOptions } from './store.js';
export interface LocalStoreOptions extends StoreOptions {
    /**
     * 'sqlite': a file that all processes of the machine share and that outlives them; 'memory': the primary's memory
     * (the process's own, where there is no primary), which ends with it; 'auto' (default): sqlite where this Node has
     * it (22.13 and later), else memory.
     */
    in?: 'auto' | 'sqlite' | 'memory';
    /** The SQLite file. Default: sessions.sqlite in this application's state directory, see docs/sessions.md. */
    path?: string;
    /**
     * Most bytes that sessions may take. When they are taken by sessions that have not expired, new and longer ones
     * are refused with ERR_LIMPET_STORE. Default 256 MiB in sqlite, 64 MiB in memory (there the primary's own bound,
     * given to serveSessionMemory, holds).
     */
    bytesMax?: number;
    /** Longest time that a call waits for the primary, in milliseconds. Default 1,000. */
    commandTimeoutMs?: number;
}
/**
 * Sessions on this machine, shared by all workers, with nothing to install. Throws ERR_LIMPET_OPTION, and
 * ERR_LIMPET_STORE when the file cannot be used: it is never passed over for an empty one.
 */
export declare class LocalStore extends SessionStore {
    constructor(options?: LocalStoreOptions);
}
