import type { Clock, Timer } from "#host";

/** Bodies up to this are not counted: the number of connections bounds them. */
export const SMALL_BYTES = 64 * 1024;

/**
 * What the bodies of all requests of a listener, or the texts of all its two-way connections, take, from their first byte until they are
 * answered. BOUNDED: `mostBytes`, but for one alone.
 */
export class BodyBudget {
  readonly #mostBytes: number;
  heldBytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** For one request; dispose of it when that is answered. */
  lease(): BodyLease {
    let ownBytes = 0;
    return {
      reaches: (bytes) => {
        if (bytes <= SMALL_BYTES || bytes <= ownBytes) return true;
        const others = this.heldBytes - ownBytes;
        if (others > 0 && others + bytes > this.#mostBytes) return false;
        this.heldBytes = others + bytes;
        ownBytes = bytes;
        return true;
      },
      [Symbol.dispose]: () => {
        this.heldBytes -= ownBytes;
        ownBytes = 0;
      },
    };
  }
}

/** Why a text that is still coming is not waited for: the others leave no room for it, or it takes too long. */
export type TextRefusal = "no room" | "too slow";

/**
 * The texts that one connection sends, one after the other. What has come of one is counted by the budget that all share, and one that is
 * counted has to be whole in time: else who never ends its own could keep the others out.
 */
export class IncomingTexts implements Disposable {
  readonly #budget: BodyBudget;
  readonly #clock: Pick<Clock, "after">;
  readonly #limitMs: number;
  readonly #refuse: (why: TextRefusal) => void;
  #lease: BodyLease | undefined;
  #timer: Timer | undefined;
  #isRefused = false;

  /** @param refuse - called once, then nothing more is counted: the transport closes the connection */
  constructor(
    budget: BodyBudget,
    clock: Pick<Clock, "after">,
    limitMs: number,
    refuse: (why: TextRefusal) => void,
  ) {
    this.#budget = budget;
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#refuse = refuse;
  }

  /** The one that comes in has so many bytes by now. False: it is refused, keep nothing of it. */
  reaches(bytes: number): boolean {
    if (this.#isRefused) return false;
    if (bytes <= SMALL_BYTES) return true;
    if (this.#lease === undefined) {
      this.#lease = this.#budget.lease();
      this.#timer = this.#clock.after(this.#limitMs, () => this.#end("too slow"));
    }
    if (this.#lease.reaches(bytes)) return true;
    this.#end("no room");
    return false;
  }

  /** It is whole. Dispose of what this gives, if anything, when it is answered. */
  whole(): BodyLease | undefined {
    const lease = this.#lease;
    this.#lease = undefined;
    this.#timer?.cancel();
    return lease;
  }

  [Symbol.dispose](): void {
    this.#isRefused = true;
    this.whole()?.[Symbol.dispose]();
  }

  #end(why: TextRefusal): void {
    this[Symbol.dispose]();
    this.#refuse(why);
  }
}

export interface BodyLease extends Disposable {
  /** The body has so many bytes by now, or will have. False: the others leave no room for it. */
  reaches(bytes: number): boolean;
}
