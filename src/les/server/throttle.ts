import type { Clock } from "#host";
import { limits } from "./limits.ts";

/**
 * Keeps the time spent on light clients to a share of one core, and serves one request at a time, in order of arrival. A client
 * has one request here at most, so they take turns. After 20 ms of serving everything else in the process gets its turn.
 */
export class ServingThrottle {
  readonly #clock: Clock;
  /** Share of the time that may be used, 0 < share ≤ 1. */
  readonly #share: number;
  #budgetMs: number = limits.burstMs;
  #lastMs: number;
  #sinceYieldMs = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(clock: Clock, share: number) {
    this.#clock = clock;
    this.#share = share;
    this.#lastMs = clock.now();
  }

  /** 0: the time there is for light clients is free, 1: all of it is used. */
  get load(): number {
    this.#recharge();
    return 1 - Math.max(0, this.#budgetMs) / limits.burstMs;
  }

  /** Runs `work` in its turn; resolves to its result and how long it took, ms. @throws the signal's reason, without a turn */
  async run<T>(work: () => T | Promise<T>, signal: AbortSignal): Promise<{ result: T; tookMs: number }> {
    const before = this.#turn;
    let done: () => void = () => {};
    this.#turn = new Promise((resolve) => {
      done = resolve;
    });
    try {
      await before;
      signal.throwIfAborted();
      await this.#wait(signal);
      const from = this.#clock.now();
      const result = await work();
      const tookMs = this.#clock.now() - from;
      this.#budgetMs -= tookMs;
      this.#sinceYieldMs += tookMs;
      return { result, tookMs };
    } finally {
      done();
    }
  }

  async #wait(signal: AbortSignal): Promise<void> {
    this.#recharge();
    const mustWait = this.#share < 1 && this.#budgetMs < 0;
    if (!mustWait && this.#sinceYieldMs < limits.yieldAfterMs) return;
    this.#sinceYieldMs = 0;
    await this.#clock.sleep(mustWait ? -this.#budgetMs / this.#share : 0, { signal });
    this.#recharge();
  }

  #recharge(): void {
    const now = this.#clock.now();
    this.#budgetMs = Math.min(limits.burstMs, this.#budgetMs + (now - this.#lastMs) * this.#share);
    this.#lastMs = now;
  }
}
