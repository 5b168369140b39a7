/** Rejection of an answer that came too late. Callers inside `session/` turn it into ERR_LIMPET_STORE. */
export class Late extends Error {}

/**
 * Settles as `answer` does, or rejects with {@link Late} at `endsAt` (milliseconds of performance.now()).
 *
 * Node runs timers before I/O. After a pause of the whole process, an answer may have arrived in time and be unread. So the rejection
 * waits for `setImmediate()`, which comes after the I/O.
 */
export function awaitUntil<T>(endsAt: number, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): unknown => setImmediate(() => reject(new Late()));
    const timer = setTimeout(late, Math.max(0, endsAt - performance.now()));
    answer.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
