import { LruMap, TokenBucket } from "#util";
import { isLan, subnetOf } from "./cidr.ts";

/** What the addresses of one network may take together: `capacity` at once, one more per `everyMs`. */
interface NetShare {
  readonly v4Bits: number;
  readonly v6Bits: number;
  readonly capacity: number;
  readonly everyMs: number;
}

/** Rates of networks of several sizes at once. Addresses of our own networks are exempt: they are one household. */
export class NetRates {
  readonly #shares: readonly NetShare[];
  /** By share. BOUNDED: `tracked` networks each, the one seen longest ago is forgotten. */
  readonly #buckets: readonly LruMap<string, TokenBucket>[];

  constructor(shares: readonly NetShare[], tracked: number) {
    this.#shares = shares;
    this.#buckets = shares.map(() => new LruMap(tracked));
  }

  /** True if every network that the address lies in has something left, which is then taken. */
  take(ip: string, now: number): boolean {
    if (isLan(ip)) return true;
    const buckets = this.#shares.map((share, at) => this.#bucket(share, this.#buckets[at], ip, now));
    if (buckets.some((bucket) => bucket.wait(now) > 0)) return false;
    for (const bucket of buckets) bucket.take(now);
    return true;
  }

  #bucket(
    { capacity, everyMs, ...bits }: NetShare,
    buckets: LruMap<string, TokenBucket> | undefined,
    ip: string,
    now: number,
  ): TokenBucket {
    const key = subnetOf(ip, bits);
    const known = buckets?.get(key);
    if (known !== undefined) return known;
    const fresh = new TokenBucket({ capacity, everyMs, now });
    buckets?.set(key, fresh);
    return fresh;
  }
}
