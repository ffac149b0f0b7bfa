import type { Clock } from "#host";
import { limits } from "./limits.ts";

/**
 * Keeps the time spent on light clients to a share of one core, and serves one request at a time, in order of arrival.
 */
export class ServingThrottle {
  readonly #clock: Clock;
  /** Share of the time that may be used, 0 < share ≤ 1. */
  readonly #share: number;
  #budgetMs: number = limits.burstMs;
  #lastMs: number;
  #turn: Promise<void> = Promise.resolve();

  constructor(clock: Clock, share: number) {
    this.#clock = clock;
    this.#share = share;
    this.#lastMs = clock.now();
  }

  /** Runs `work` in its turn; resolves to its result and how long it took, ms. */
  async run<T>(work: () => T | Promise<T>, signal: AbortSignal): Promise<{ result: T; tookMs: number }> {
    const before = this.#turn;
    let done: () => void = () => {};
    this.#turn = new Promise((resolve) => {
      done = resolve;
    });
    try {
      await before;
      await this.#wait(signal);
      const from = this.#clock.now();
      const result = await work();
      const tookMs = this.#clock.now() - from;
      this.#budgetMs -= tookMs;
      return { result, tookMs };
    } finally {
      done();
    }
  }

  async #wait(signal: AbortSignal): Promise<void> {
    if (this.#share >= 1) return;
    this.#recharge();
    if (this.#budgetMs < 0) await this.#clock.sleep(-this.#budgetMs / this.#share, { signal });
    this.#recharge();
  }

  #recharge(): void {
    const now = this.#clock.now();
    this.#budgetMs = Math.min(limits.burstMs, this.#budgetMs + (now - this.#lastMs) * this.#share);
    this.#lastMs = now;
  }
}
