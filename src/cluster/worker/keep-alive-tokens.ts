/** What keeps a leaving process alive though none of its connections does: sessions between two requests. */
export class KeepAliveTokens {
  readonly #ends: Set<() => void> = new Set();
  #release: () => void = () => {};

  /** Holds until what it returns is called; `end` is called when it cannot be waited for that. */
  add(end: () => void): () => void {
    // A function of its own for each hold, so that one `end` may hold twice.
    const held = () => end();
    this.#ends.add(held);
    return () => {
      if (this.#ends.delete(held) && this.#ends.size === 0) this.#release();
    };
  }

  /** Resolves when nothing holds any more. To be asked for once, by a process that leaves. */
  released(): Promise<void> {
    return new Promise((resolve) => {
      this.#release = resolve;
      if (this.#ends.size === 0) resolve();
    });
  }

  /** From here on no hold counts. */
  end(): void {
    for (const end of [...this.#ends]) end();
    this.#release();
  }
}
