import type { ListenAddress } from '../connection.js';
/**
 * Names a listener the same in the primary and in every worker: by its address, and for port 0 also by its turn, since each
 * listen on port 0 means a port of its own.
 */
export declare class ListenerKeys {
    #private;
    of(address: ListenAddress): string;
}
