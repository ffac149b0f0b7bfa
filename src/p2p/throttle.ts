import { isLan, subnetOf } from "#p2p/netutil";

/** One connection per address and four per subnet in this time (attacks-and-faults §3.2). */
const WINDOW_MS = 30_000;
const PER_SUBNET = 4;
/** BOUNDED: addresses remembered; past it the newcomers are refused, which costs an attacker as many addresses. */
const MAX_TRACKED = 16_384;

/**
 * Who may connect now, by remote address. Loopback and private addresses always may.
 *
 * @see geth p2p/server.go inboundHistory (30 s per address) @v1.9.25
 */
export class InboundThrottle {
  /** Address → when it came last, oldest first. */
  readonly #addresses = new Map<string, number>();
  readonly #subnets = new Map<string, number>();

  get size(): number {
    return this.#addresses.size;
  }

  /** True if a connection from `ip` may go on; it then counts. */
  admit(ip: string, now: number): boolean {
    if (isLan(ip)) return true;
    this.#expire(now);
    const subnet = subnetOf(ip);
    const inSubnet = this.#subnets.get(subnet) ?? 0;
    if (this.#addresses.has(ip) || inSubnet >= PER_SUBNET || this.#addresses.size >= MAX_TRACKED)
      return false;
    this.#addresses.set(ip, now);
    this.#subnets.set(subnet, inSubnet + 1);
    return true;
  }

  #expire(now: number): void {
    for (const [ip, at] of this.#addresses) {
      if (now - at < WINDOW_MS) return;
      this.#addresses.delete(ip);
      const subnet = subnetOf(ip);
      const left = (this.#subnets.get(subnet) ?? 1) - 1;
      if (left === 0) this.#subnets.delete(subnet);
      else this.#subnets.set(subnet, left);
    }
  }
}

/** At most one log line per period; how many were held back is told with the next. */
export class Rarely {
  readonly #everyMs: number;
  #last: number | undefined;
  #held = 0;

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** Calls `log` with the number of times it was held back, or counts this one. */
  run(now: number, log: (heldBack: number) => void): void {
    if (this.#last !== undefined && now - this.#last < this.#everyMs) {
      this.#held++;
      return;
    }
    const held = this.#held;
    this.#held = 0;
    this.#last = now;
    log(held);
  }
}
