/**
 * Tells whether this process has lately read its sockets. After a pause (garbage collection, a long computation,
 * SIGSTOP) an invalidation may have arrived and not been read yet; until one whole poll phase has passed, what is
 * remembered must not be trusted.
 */
export declare class LoopWatch {
    #private;
    /** False after a pause or an idle time, until the sockets have been read once. */
    get punctual(): boolean;
    stop(): void;
}
