/**
 * Tokens that keep a draining process alive although it has no open connection. Each stands for a session that is between two
 * requests.
 */
export class KeepAliveTokens {
  readonly #tokens: Set<() => void> = new Set();
  #resolveReleased: () => void = () => {};

  /** Adds a token and returns the function that releases it. `end` is called if the process cannot wait for the release. */
  add(end: () => void): () => void {
    // A function of its own for each token, so that the same `end` may be given twice.
    const token = () => end();
    this.#tokens.add(token);
    return () => {
      if (this.#tokens.delete(token) && this.#tokens.size === 0) this.#resolveReleased();
    };
  }

  /** Resolves when no token is left. Call it once, when the process drains. */
  released(): Promise<void> {
    return new Promise((resolve) => {
      this.#resolveReleased = resolve;
      if (this.#tokens.size === 0) resolve();
    });
  }

  /** Calls each token's `end`. {@link released} resolves even if some tokens are not released. */
  end(): void {
    for (const end of [...this.#tokens]) end();
    this.#resolveReleased();
  }
}
