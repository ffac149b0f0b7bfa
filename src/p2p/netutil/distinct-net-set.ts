import { subnetOf } from "./cidr.ts";

export interface NetLimits {
  /** Most addresses of one subnet. */
  readonly limit: number;
  /** Prefix length of a subnet for IPv4; default 24. */
  readonly v4Bits?: number | undefined;
  /** For IPv6; default 48, which bounds every /56 too. */
  readonly v6Bits?: number | undefined;
}

/**
 * Counts addresses and keeps at most `limit` of them in one subnet (DI-06).
 * BOUNDED by its user: an entry for each address added and not removed.
 *
 * @see geth p2p/netutil/net.go:DistinctNetSet@v1.17.5
 */
export class DistinctNetSet {
  readonly #limit: number;
  readonly #bits: { v4Bits: number; v6Bits: number };
  readonly #members = new Map<string, number>();

  constructor({ limit, v4Bits = 24, v6Bits = 48 }: NetLimits) {
    this.#limit = limit;
    this.#bits = { v4Bits, v6Bits };
  }

  /** Addresses counted. */
  get size(): number {
    let size = 0;
    for (const count of this.#members.values()) size += count;
    return size;
  }

  /** False, and not counted, if its subnet is full. */
  add(ip: string): boolean {
    const key = subnetOf(ip, this.#bits);
    const count = this.#members.get(key) ?? 0;
    if (count >= this.#limit) return false;
    this.#members.set(key, count + 1);
    return true;
  }

  /** Takes back one `add`. */
  remove(ip: string): void {
    const key = subnetOf(ip, this.#bits);
    const count = this.#members.get(key) ?? 0;
    if (count > 1) this.#members.set(key, count - 1);
    else this.#members.delete(key);
  }

  has(ip: string): boolean {
    return this.#members.has(subnetOf(ip, this.#bits));
  }
}
