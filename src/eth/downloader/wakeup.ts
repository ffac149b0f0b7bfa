import { type Deferred, deferred, orAborted } from "#util";

/** Tasks of one cycle that wait for anything to change. */
export class Wakeup {
  #next: Deferred<void> = deferred();

  notify(): void {
    const waiting = this.#next;
    this.#next = deferred();
    waiting.resolve();
  }

  /** Resolves at the next `notify`; rejects with the signal's reason. */
  wait(signal: AbortSignal): Promise<void> {
    return orAborted(this.#next.promise, signal);
  }
}
