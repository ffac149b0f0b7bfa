import type { Clock, Endpoint } from "#host";
import { formatEndpoint } from "./endpoint.ts";

export interface IpTrackerConfig {
  /** How long what somebody said counts. Default 5 min. */
  readonly windowMs?: number | undefined;
  /** How long a contact of ours counts. Default 10 min. */
  readonly contactWindowMs?: number | undefined;
  /** Hosts that must agree. Default 10. */
  readonly minStatements?: number | undefined;
}

/** BOUNDED: hosts remembered, of either kind; the oldest is forgotten. */
const MAX_HOSTS = 1024;

/**
 * Predicts our own endpoint as others see it from what they say: the endpoint most of them name, if enough do. One host has one voice.
 *
 * @see geth p2p/netutil/iptrack.go@v1.17.5
 */
export class IpTracker {
  readonly #clock: Pick<Clock, "now">;
  readonly #windowMs: number;
  readonly #contactWindowMs: number;
  readonly #minStatements: number;
  /** Host → what it says. BOUNDED: MAX_HOSTS. */
  readonly #statements = new Map<string, { readonly endpoint: Endpoint; readonly at: number }>();
  /** Host → when we first told it of us. BOUNDED: MAX_HOSTS. */
  readonly #contacts = new Map<string, number>();

  constructor(clock: Pick<Clock, "now">, config: IpTrackerConfig = {}) {
    this.#clock = clock;
    this.#windowMs = config.windowMs ?? 300_000;
    this.#contactWindowMs = config.contactWindowMs ?? 600_000;
    this.#minStatements = config.minStatements ?? 10;
  }

  /** Hosts whose statement is remembered. */
  get size(): number {
    return this.#statements.size;
  }

  /** `host` (an IP address) says that this is our endpoint. */
  addStatement(host: string, endpoint: Endpoint): void {
    put(this.#statements, host, { endpoint, at: this.#clock.now() });
  }

  /** A packet with our endpoint in it was sent to `host`. */
  addContact(host: string): void {
    put(this.#contacts, host, this.#clock.now());
  }

  /** Our endpoint as most hosts name it; undefined while too few agree. */
  predict(): Endpoint | undefined {
    this.#expire();
    const counts = new Map<string, number>();
    let best: Endpoint | undefined;
    let most = this.#minStatements - 1;
    for (const { endpoint } of this.#statements.values()) {
      const key = formatEndpoint(endpoint);
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      if (count > most) [most, best] = [count, endpoint];
    }
    return best;
  }

  /** True if a host we had not contacted could reach us: the NAT, if there is one, lets everybody in. */
  predictFullConeNat(): boolean {
    this.#expire();
    for (const [host, { at }] of this.#statements) {
      const contact = this.#contacts.get(host);
      if (contact === undefined || contact > at) return true;
    }
    return false;
  }

  #expire(): void {
    const now = this.#clock.now();
    for (const [host, { at }] of this.#statements)
      if (at < now - this.#windowMs) this.#statements.delete(host);
    for (const [host, at] of this.#contacts)
      if (at < now - this.#contactWindowMs) this.#contacts.delete(host);
  }
}

/** Sets and moves to the end; the first leaves when there are too many. */
function put<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > MAX_HOSTS) for (const oldest of map.keys()) return void map.delete(oldest);
}
