import { deferred, onAbort } from "#util";
import { EthApiError } from "./errors.ts";

/** Who brings no more than this along is not refused for what all bring: the number of calls bounds it. */
const SMALL_BYTES = 16 * 1024;

/** Lets some calls run at once and some wait in line, with so many bytes along. */
export class Gate {
  readonly #most: number;
  readonly #queue: number;
  readonly #mostBytes: number;
  #running = 0;
  #bytes = 0;
  /** BOUNDED: limits.callQueue; the one after is refused. Emptied: a running call ends, or the waiting caller leaves. */
  readonly #waiting = new Set<() => void>();

  /** @param mostBytes - what all that run and wait may bring along; one alone may bring more */
  constructor(most: number, queue: number, mostBytes = Number.POSITIVE_INFINITY) {
    this.#most = most;
    this.#queue = queue;
    this.#mostBytes = mostBytes;
  }

  /**
   * @param bytes - what the call holds until it has ended, waiting included
   * @throws ETHAPI_BUSY when the line is full, ETHAPI_TOO_HEAVY when there are too many bytes in it; the signal's reason when
   *   it aborts in line
   */
  async run<T>(signal: AbortSignal, work: () => Promise<T>, bytes = 0): Promise<T> {
    if (bytes > SMALL_BYTES && this.#bytes > 0 && this.#bytes + bytes > this.#mostBytes)
      throw EthApiError("TOO_HEAVY", { mostBytes: this.#mostBytes });
    this.#bytes += bytes;
    try {
      return await this.#inPlace(signal, work);
    } finally {
      this.#bytes -= bytes;
    }
  }

  async #inPlace<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
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
