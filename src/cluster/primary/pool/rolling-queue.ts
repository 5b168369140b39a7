/** Runs work on slots, one round after another. The first failure ends a round. */
export class RollingQueue {
  #lastRound: Promise<unknown> = Promise.resolve();
  #ended: Error | undefined;

  /**
   * Runs `work` for each slot, `parallel` slots at a time, after all rounds that were asked for earlier. `slots` is called when
   * the round begins. Rejects with a failure when the work that had begun has settled.
   */
  run(
    slots: () => readonly number[],
    parallel: number,
    work: (slot: number) => Promise<void>,
  ): Promise<void> {
    const round = this.#lastRound.then(async () => {
      if (this.#ended) throw this.#ended;
      const waiting = [...slots()];
      let failed = false;
      const workThrough = async () => {
        for (let slot = waiting.shift(); slot !== undefined && !failed; slot = waiting.shift()) {
          try {
            await work(slot);
          } catch (error) {
            failed = true;
            throw error;
          }
        }
      };
      const runners = Array.from({ length: Math.min(parallel, waiting.length) }, workThrough);
      const results = await Promise.allSettled(runners);
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    });
    this.#lastRound = round.catch(() => {});
    return round;
  }

  /** Rounds that have not begun reject with `error`. Only the first call counts. */
  end(error: Error): void {
    this.#ended ??= error;
  }
}
