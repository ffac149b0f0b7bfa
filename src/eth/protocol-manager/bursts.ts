import type { Clock, Timer } from "#host";

/**
 * Passes on what comes in: at once if nothing came for a while, otherwise gathered, so that a burst is few messages and not many.
 * Geth gets the same from one goroutine per peer that sends all that has gathered while it sent (eth/protocols/eth/broadcast.go@v1.11.6).
 */
export class Bursts<T> {
  readonly #clock: Pick<Clock, "after">;
  readonly #everyMs: number;
  readonly #tell: (items: readonly T[]) => void;
  /** BOUNDED: what the pool takes within `everyMs`. */
  #gathered: T[] = [];
  #pause: Timer | undefined;

  constructor(clock: Pick<Clock, "after">, everyMs: number, tell: (items: readonly T[]) => void) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#tell = tell;
  }

  add(items: readonly T[]): void {
    if (this.#pause !== undefined) {
      for (const item of items) this.#gathered.push(item);
      return;
    }
    this.#wait();
    this.#tell(items);
  }

  /** Nothing is told any more. */
  stop(): void {
    this.#pause?.cancel();
    this.#gathered = [];
  }

  #wait(): void {
    this.#pause = this.#clock.after(this.#everyMs, () => {
      this.#pause = undefined;
      const items = this.#gathered;
      this.#gathered = [];
      if (items.length > 0) this.add(items);
    });
  }
}
