import { deferred, onAbort } from "#util";
import { EthApiError } from "./errors.ts";

/** Lets some calls run at once and some wait in line. */
export class Gate {
  readonly #most: number;
  readonly #queue: number;
  #running = 0;
  /** BOUNDED: limits.callQueue; the one after is refused. Emptied: a running call ends, or the waiting caller leaves. */
  readonly #waiting = new Set<() => void>();

  constructor(most: number, queue: number) {
    this.#most = most;
    this.#queue = queue;
  }

  /** @throws ETHAPI_BUSY when the line is full; the signal's reason when it aborts in line */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#most) await this.#turn(signal);
    else this.#running++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.values().next();
      if (next.done === true) this.#running--;
      else next.value(); // the place goes on to who waited longest
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#queue) throw EthApiError("BUSY", { queue: this.#queue });
    signal.throwIfAborted();
    const turn = deferred<void>();
    const take = () => {
      this.#waiting.delete(take);
      turn.resolve();
    };
    this.#waiting.add(take);
    const release = onAbort(signal, (reason) => {
      this.#waiting.delete(take);
      turn.reject(reason);
    });
    try {
      await turn.promise;
    } finally {
      release();
    }
  }
}
