/** Runs one task at a time, in the order of the calls. A task that fails does not stop the next. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  /** Resolves as `task` does. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(task, task);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when everything that was given before has ended. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
