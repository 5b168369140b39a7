/** Thrown inside the session folder when an answer did not come in time; callers turn it into ERR_LIMPET_STORE. */
export class Late extends Error {
}
/** Settles as `answer` does, or rejects with {@link Late} at `endsAt` (performance.now() milliseconds). */
export function before(endsAt, answer) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Late()), Math.max(0, endsAt - performance.now()));
        answer.then((value) => {
            clearTimeout(timer);
            resolve(value);
        }, (error) => {
            clearTimeout(timer);
            reject(error);
        });
    });
}
