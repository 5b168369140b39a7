interface Steerable {
    close(reason: string): Promise<unknown>;
    kill(reason: string): void;
    reload(): Promise<unknown>;
}
/**
 * SIGTERM and SIGINT close the router; a second one ends it at once. The process then exits, unless the app has a handler of its
 * own for the signal, which then decides. SIGHUP reloads; what it could not reload is published as a fault. Returns what takes
 * the handlers away.
 */
export declare function handleSignals(router: Steerable): () => void;
export {};
