import type { Clock, Timer } from "./host.ts";

/**
 * Many waits of one length on one timer of the clock. Waits of one length end in the order they began, so a timer for the oldest is enough;
 * when it fires it is set for the next. Each wait is ended when it is due, and one that is called off in time, as nearly all are, has cost no
 * timer: a timer costs as much as a small read.
 */
export class Deadlines<T> {
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #onDue: (wait: T) => void;
  /** When each is due, oldest first. BOUNDED by the waits of its owner: each is deleted, or due. */
  readonly #due = new Map<T, number>();
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(clock: Clock, delayMs: number, onDue: (wait: T) => void) {
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#onDue = onDue;
  }

  /** Begins a wait. `now`: the clock's, if the caller has it already. */
  add(wait: T, now = this.#clock.now()): void {
    this.#due.set(wait, now + this.#delayMs);
    this.#timer ??= this.#clock.after(this.#delayMs, () => this.#fire());
  }

  /** Calls a wait off. Twice is fine. */
  delete(wait: T): void {
    this.#due.delete(wait);
    if (this.#isClosed) this.#cancelIfIdle();
  }

  /** No more waits will begin: the timer stays no longer than those that still run. */
  close(): void {
    this.#isClosed = true;
    this.#cancelIfIdle();
  }

  #cancelIfIdle(): void {
    if (this.#due.size === 0) this.#timer?.cancel();
  }

  #fire(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    const over: T[] = [];
    for (const [wait, at] of this.#due) {
      if (at > now) {
        this.#timer = this.#clock.after(at - now, () => this.#fire());
        break;
      }
      over.push(wait);
    }
    // one that is over may call off the next
    for (const wait of over) if (this.#due.delete(wait)) this.#onDue(wait);
  }
}
