/** Rolling work on slots: so many at a time, one round after another, the first failure ends the round. */
export class RollingQueue {
  #last: Promise<unknown> = Promise.resolve();
  #ended: Error | undefined;

  /** Runs `work` for each slot, `parallel` at a time, after every round asked for earlier. Rejects with the first failure. */
  run(
    slots: () => readonly number[],
    parallel: number,
    work: (slot: number) => Promise<void>,
  ): Promise<void> {
    const round = this.#last.then(async () => {
      if (this.#ended) throw this.#ended;
      const waiting = [...slots()];
      let failed = false;
      const lane = async () => {
        for (let slot = waiting.shift(); slot !== undefined && !failed; slot = waiting.shift()) {
          try {
            await work(slot);
          } catch (error) {
            failed = true;
            throw error;
          }
        }
      };
      const lanes = Array.from({ length: Math.min(parallel, waiting.length) }, lane);
      const results = await Promise.allSettled(lanes);
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    });
    this.#last = round.catch(() => {});
    return round;
  }

  /** Rounds that have not begun reject with `error`. */
  end(error: Error): void {
    this.#ended ??= error;
  }
}
