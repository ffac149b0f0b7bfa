import { callerOf } from "#rpc";
import { deferred, FairQueue, onAbort } from "#util";
import type { CallContext } from "./backend.ts";
import { EthApiError } from "./errors.ts";

/** Who brings no more than this along is not refused for what all bring: the number of calls bounds it. */
const SMALL_BYTES = 16 * 1024;

interface Waiting {
  begin(): void;
  refuse(error: unknown): void;
}

/**
 * Lets some calls run at once and some wait in line, with so many bytes along. Addresses have their turns one after the other, and of each
 * its connections (RP-19). When the line is full, the youngest of whoever has most in it is refused for a newcomer who has less.
 */
export class Gate {
  readonly #most: number;
  readonly #queue: number;
  readonly #mostBytes: number;
  #running = 0;
  #bytes = 0;
  /** BOUNDED: limits.callQueue; one more is refused, or another for it. Emptied: a running call ends, or the waiting caller leaves. */
  readonly #waiting = new FairQueue<Waiting>();

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
  async run<T>(ctx: CallContext, work: () => Promise<T>, bytes = 0): Promise<T> {
    if (bytes > SMALL_BYTES && this.#bytes > 0 && this.#bytes + bytes > this.#mostBytes)
      throw EthApiError("TOO_HEAVY", { mostBytes: this.#mostBytes });
    this.#bytes += bytes;
    try {
      return await this.#inPlace(ctx, work);
    } finally {
      this.#bytes -= bytes;
    }
  }

  async #inPlace<T>(ctx: CallContext, work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#most) await this.#turn(ctx);
    else this.#running++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next.begin(); // the place goes on
    }
  }

  async #turn({ signal, connection }: CallContext): Promise<void> {
    signal.throwIfAborted();
    const caller = callerOf(connection);
    if (this.#waiting.size >= this.#queue) {
      const busy = EthApiError("BUSY", { queue: this.#queue });
      const youngest = this.#waiting.makeRoom(caller);
      if (youngest === undefined) throw busy;
      youngest.refuse(busy);
    }
    const turn = deferred<void>();
    const mine = { begin: turn.resolve, refuse: turn.reject };
    this.#waiting.push(caller, mine);
    const release = onAbort(signal, (reason) => {
      this.#waiting.delete(caller, mine);
      turn.reject(reason);
    });
    try {
      await turn.promise;
    } finally {
      release();
    }
  }
}
