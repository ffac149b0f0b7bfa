import { isLan, subnetOf } from "#p2p/netutil";
import { LruMap } from "#util";
import { discv4Limits as limits } from "./limits.ts";

/** Tokens of one key: as many as a minute brings, all of them at the start. */
interface Bucket {
  tokens: number;
  at: number;
}

/** How much unasked work an address, and its subnet, may ask for. Addresses of our own networks are exempt: they are one household. */
export class AddressRates {
  readonly #addresses = new LruMap<string, Bucket>(limits.trackedAddresses);
  readonly #subnets = new LruMap<string, Bucket>(limits.trackedAddresses);

  /** True if a packet from there may be looked at; it then counts. */
  admit(ip: string, now: number): boolean {
    if (isLan(ip)) return true;
    const address = refill(this.#addresses, ip, limits.perAddressPerMinute, now);
    const subnet = refill(this.#subnets, subnetOf(ip), limits.perSubnetPerMinute, now);
    if (address.tokens < 1 || subnet.tokens < 1) return false;
    address.tokens--;
    subnet.tokens--;
    return true;
  }
}

function refill(buckets: LruMap<string, Bucket>, key: string, perMinute: number, now: number): Bucket {
  const known = buckets.get(key);
  if (known === undefined) {
    const fresh = { tokens: perMinute, at: now };
    buckets.set(key, fresh);
    return fresh;
  }
  known.tokens = Math.min(perMinute, known.tokens + ((now - known.at) * perMinute) / 60_000);
  known.at = now;
  return known;
}

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
