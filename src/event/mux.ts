import { Feed, type StreamOptions } from "./feed.ts";

/** A class of events: what is posted is told apart by its class, as geth's mux does by type. */
export type EventClass<T> = abstract new (...args: never[]) => T;

/**
 * Events between services that do not know each other (seed: event.TypeMux). A service posts an object; whoever subscribed
 * to its class hears it, in the order of subscription. Each run of a node has its own: none is closed under a restart
 * (Trap 4). Parts that know each other use a `Feed`, whose type the compiler sees at both ends.
 */
export class EventMux {
  /** BOUNDED: by the classes of a program. */
  readonly #feeds = new Map<unknown, Feed<object>>();
  readonly #onListenerError: (error: unknown) => void;
  #isStopped = false;

  constructor(onListenerError: (error: unknown) => void = () => {}) {
    this.#onListenerError = onListenerError;
  }

  /** Tells everybody who subscribed to exactly this class. @returns how many heard it; 0 after `stop` */
  post(event: object): number {
    return this.#isStopped ? 0 : (this.#feeds.get(event.constructor)?.send(event) ?? 0);
  }

  subscribe<T extends object>(type: EventClass<T>, listener: (event: T) => void): Disposable {
    return this.#feedOf<T>(type).subscribe(listener);
  }

  /** Events of a class as an async iterable; it ends with the signal. */
  stream<T extends object>(type: EventClass<T>, options: StreamOptions): AsyncIterableIterator<T> {
    return this.#feedOf<T>(type).stream(options);
  }

  /** Nothing is heard any more. */
  stop(): void {
    this.#isStopped = true;
    this.#feeds.clear();
  }

  #feedOf<T extends object>(type: EventClass<T>): Feed<T> {
    const known = this.#feeds.get(type);
    if (known !== undefined) return known as unknown as Feed<T>; // as: a class's feed carries its objects
    const feed = new Feed<object>(this.#onListenerError);
    if (!this.#isStopped) this.#feeds.set(type, feed);
    return feed as unknown as Feed<T>; // as above
  }
}
