/** Thrown inside the session folder when an answer did not come in time; callers turn it into ERR_LIMPET_STORE. */
export declare class Late extends Error {
}
/** Settles as `answer` does, or rejects with {@link Late} at `endsAt` (performance.now() milliseconds). */
export declare function before<T>(endsAt: number, answer: Promise<T>): Promise<T>;
