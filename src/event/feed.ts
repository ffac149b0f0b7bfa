import { deferred } from "#util";

/** How a stream treats a slow reader. */
export interface StreamOptions {
  /** The stream ends when this aborts. */
  readonly signal: AbortSignal;
  /** BOUNDED: most events waiting for the reader; 1,024 unless told. */
  readonly capacity?: number | undefined;
  /** Past `capacity`: forget the oldest event, or end the stream with an error. Default `drop-oldest`. */
  readonly overflow?: "drop-oldest" | "error" | undefined;
}

/**
 * One event, one type. `send` calls every listener in order of subscription, synchronously. A throwing listener is
 * reported to `onListenerError` and never stops the sender or the other listeners.
 */
export class Feed<T> {
  readonly #listeners = new Set<(value: T) => void>();
  readonly #onListenerError: (error: unknown) => void;

  constructor(onListenerError: (error: unknown) => void = () => {}) {
    this.#onListenerError = onListenerError;
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  /** Tells everybody. Returns how many listeners heard it. */
  send(value: T): number {
    let heard = 0;
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
        heard++;
      } catch (error) {
        this.#onListenerError(error);
      }
    }
    return heard;
  }

  /** Calls `listener` for each event until the result is disposed. */
  subscribe(listener: (value: T) => void): Disposable {
    const entry = (value: T) => listener(value); // the same function may subscribe twice
    this.#listeners.add(entry);
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }

  /** Events as an async iterable, from now until the signal aborts or the reader leaves the loop. */
  stream({ signal, capacity = 1024, overflow = "drop-oldest" }: StreamOptions): AsyncIterableIterator<T> {
    const waiting: T[] = [];
    let wake = deferred<void>();
    let failure: Error | undefined;
    let isOver = signal.aborted;
    const subscription = this.subscribe((value) => {
      if (waiting.length >= capacity) {
        if (overflow === "error") {
          failure = new RangeError(`more than ${capacity} events waiting for their reader`);
          finish();
          return;
        }
        waiting.shift();
      }
      waiting.push(value);
      wake.resolve();
    });
    const finish = () => {
      isOver = true;
      subscription[Symbol.dispose]();
      signal.removeEventListener("abort", finish);
      wake.resolve();
    };
    if (isOver) finish();
    else signal.addEventListener("abort", finish, { once: true });
    return {
      async next() {
        while (true) {
          const value = waiting.shift();
          if (value !== undefined) return { done: false, value };
          if (failure !== undefined) {
            const error = failure;
            failure = undefined;
            throw error;
          }
          if (isOver) return { done: true, value: undefined };
          wake = deferred<void>();
          await wake.promise;
        }
      },
      async return() {
        waiting.length = 0;
        finish();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}
