/** The class of uWS's responses, as far as it is touched. */
interface ResponseClass {
  write(this: object, ...args: unknown[]): unknown;
  end(this: object, body?: unknown, closeConnection?: boolean): unknown;
  endWithoutBody(this: object, ...args: unknown[]): unknown;
}

/**
 * Makes the answers of a uWS app the last on their connections. uWS has a way to say so for one answer and none for all: the
 * class of the responses, seen at the first connection, is made to say it each time.
 */
export class UwsResponses {
  readonly #begun: WeakSet<object> = new WeakSet();
  #class: ResponseClass | undefined;
  #last = false;

  /** A response of the app, before it may be used. */
  observe(response: object): void {
    if (this.#class) return;
    const seen: ResponseClass = Object.getPrototypeOf(response);
    const begun = this.#begun;
    const { write } = seen;
    seen.write = function (...args) {
      begun.add(this);
      return write.apply(this, args);
    };
    this.#class = seen;
    if (this.#last) this.#sayLast(seen);
  }

  /** From now on, every answer closes its connection, save those that were begun as a stream. */
  closeConnections(): void {
    if (this.#last) return;
    this.#last = true;
    if (this.#class) this.#sayLast(this.#class);
  }

  #sayLast(seen: ResponseClass): void {
    const begun = this.#begun;
    const { end, endWithoutBody } = seen;
    seen.end = function (body, closeConnection) {
      // After write(), uWS 20.57 puts the header that tells of the close into the body: the connection lives on to the next answer.
      return end.call(this, body, closeConnection || !begun.has(this));
    };
    seen.endWithoutBody = function (...args) {
      // Without a length to report there is no way to ask for the close: what stands in its place is taken for one.
      return endWithoutBody.apply(this, args.length === 0 ? args : [args[0], true]);
    };
  }
}
