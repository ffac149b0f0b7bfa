/** Tokens that come back at a rate: `capacity` at once, one more per `everyMs`. */
export class TokenBucket {
  readonly #capacity: number;
  readonly #everyMs: number;
  #tokens: number;
  #at: number;

  constructor({ capacity, everyMs, now }: { capacity: number; everyMs: number; now: number }) {
    this.#capacity = capacity;
    this.#everyMs = everyMs;
    this.#tokens = capacity;
    this.#at = now;
  }

  /** Takes a token, if there is one. */
  take(now: number): boolean {
    this.#refill(now);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /** Ms until a token will be there; 0 = now. */
  wait(now: number): number {
    this.#refill(now);
    return this.#tokens >= 1 ? 0 : Math.ceil((1 - this.#tokens) * this.#everyMs);
  }

  #refill(now: number): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens + (now - this.#at) / this.#everyMs);
    this.#at = now;
  }
}
