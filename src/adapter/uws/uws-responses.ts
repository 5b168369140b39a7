/** The methods of uWebSockets.js's class of responses that are patched. */
interface ResponseClass {
  write(this: object, ...args: unknown[]): unknown;
  end(this: object, body?: unknown, closeConnection?: boolean): unknown;
  endWithoutBody(this: object, ...args: unknown[]): unknown;
}

/**
 * Makes a uWebSockets.js app close each connection after its response. uWebSockets.js has a flag for it in each response, and none for
 * all. So the class of the responses is patched. uWebSockets.js does not export it: it is taken from the first response.
 */
export class UwsResponses {
  /** Responses that have begun as a stream, by write(). */
  readonly #streams: WeakSet<object> = new WeakSet();
  #class: ResponseClass | undefined;
  #closing = false;

  /** Takes the class from a response, before the app can use it. */
  observe(response: object): void {
    if (this.#class) return;
    const seen: ResponseClass = Object.getPrototypeOf(response);
    const streams = this.#streams;
    const { write } = seen;
    seen.write = function (...args) {
      streams.add(this);
      return write.apply(this, args);
    };
    this.#class = seen;
    if (this.#closing) this.#closeAfter(seen);
  }

  /** From now on each response closes its connection, except one that has begun as a stream. */
  closeConnections(): void {
    if (this.#closing) return;
    this.#closing = true;
    if (this.#class) this.#closeAfter(this.#class);
  }

  #closeAfter(responses: ResponseClass): void {
    const streams = this.#streams;
    const { end, endWithoutBody } = responses;
    responses.end = function (body, closeConnection) {
      // After write(), uWebSockets.js 20.57 would put the header that announces the close into the body. Such a connection stays
      // open until its next response.
      return end.call(this, body, closeConnection || !streams.has(this));
    };
    responses.endWithoutBody = function (...args) {
      // The flag is the second argument, and uWebSockets.js takes any first argument for the length. So without a length there is no
      // way to ask for the close.
      return endWithoutBody.apply(this, args.length === 0 ? args : [args[0], true]);
    };
  }
}
