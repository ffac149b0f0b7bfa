import { isLan, subnetOf } from "#p2p/netutil";
import { LruMap, TokenBucket } from "#util";
import { discv4Limits as limits } from "./limits.ts";

/** How much unasked work an address, and its subnet, may ask for. Addresses of our own networks are exempt: they are one household. */
export class AddressRates {
  readonly #addresses = new LruMap<string, TokenBucket>(limits.trackedAddresses);
  readonly #subnets = new LruMap<string, TokenBucket>(limits.trackedAddresses);

  /** True if a packet from there may be looked at; it then counts. */
  admit(ip: string, now: number): boolean {
    if (isLan(ip)) return true;
    const address = bucketOf(this.#addresses, ip, limits.perAddressPerMinute, now);
    const subnet = bucketOf(this.#subnets, subnetOf(ip), limits.perSubnetPerMinute, now);
    if (address.wait(now) > 0 || subnet.wait(now) > 0) return false;
    return address.take(now) && subnet.take(now);
  }
}

function bucketOf(
  buckets: LruMap<string, TokenBucket>,
  key: string,
  perMinute: number,
  now: number,
): TokenBucket {
  const known = buckets.get(key);
  if (known !== undefined) return known;
  const fresh = new TokenBucket({ capacity: perMinute, everyMs: 60_000 / perMinute, now });
  buckets.set(key, fresh);
  return fresh;
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
