/** Thrown inside the session folder when an answer did not come in time; callers turn it into ERR_LIMPET_STORE. */
export class Late extends Error {}

/**
 * Settles as `answer` does, or rejects with {@link Late} at `endsAt` (performance.now() milliseconds). After a pause of
 * the whole process an answer that has arrived meanwhile still counts.
 */
export function before<T>(endsAt: number, answer: Promise<T>): Promise<T> {
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
