import { NetRates } from "#p2p/netutil";
import { discv4Limits as limits } from "./limits.ts";

const perMinute = (count: number) => ({ capacity: count, everyMs: 60_000 / count });

/** How much unasked work an address, and its subnet, may ask for (DI-02). */
export const addressRates = (): NetRates =>
  new NetRates(
    [
      { v4Bits: 32, v6Bits: 128, ...perMinute(limits.perAddressPerMinute) },
      { v4Bits: 24, v6Bits: 48, ...perMinute(limits.perSubnetPerMinute) },
    ],
    limits.trackedAddresses,
  );

/** Time on the core that may be spent: `workShare` of it, a little saved up. */
export class WorkBudget {
  #savedMs: number = limits.workBurstMs;
  #at: number;

  constructor(now: number) {
    this.#at = now;
  }

  /** Ms until work may go on; 0 = now. */
  wait(now: number): number {
    this.#savedMs = Math.min(limits.workBurstMs, this.#savedMs + (now - this.#at) * limits.workShare);
    this.#at = now;
    return this.#savedMs > 0 ? 0 : Math.ceil((limits.minWorkMs - this.#savedMs) / limits.workShare);
  }

  spend(ms: number): void {
    this.#savedMs -= Math.max(ms, limits.minWorkMs);
  }
}
