import type { PrivateKey } from "#crypto";
import type { Clock, Timer } from "#host";
import { ByteMap } from "#util";

interface Unlocked {
  readonly key: PrivateKey;
  /** Absent: until it is locked. */
  timer: Timer | undefined;
}

/** Longest delay of one timer, ms; longer waits are several. */
const LONGEST_MS = 2 ** 30;

/**
 * Keys that are open now, by address; overwritten when their time is over. An unlock without end is not shortened by a
 * later one with an end (Trap 31).
 * BOUNDED: one per account of the keystore.
 */
export class UnlockedKeys {
  readonly #clock: Clock;
  readonly #keys = new ByteMap<Unlocked>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(address: Uint8Array): boolean {
    return this.#keys.has(address);
  }

  /** The key itself, not a copy: it must not leave the call it is used in. */
  get(address: Uint8Array): PrivateKey | undefined {
    return this.#keys.get(address)?.key;
  }

  /** Takes the key over. `seconds` 0: without end. */
  put(address: Uint8Array, key: PrivateKey, seconds: number): void {
    const known = this.#keys.get(address);
    if (known !== undefined && known.timer === undefined) {
      key.fill(0);
      return;
    }
    known?.timer?.cancel();
    known?.key.fill(0);
    const entry: Unlocked = { key, timer: undefined };
    this.#keys.set(address, entry);
    if (seconds > 0) this.#expire(address, entry, seconds * 1_000);
  }

  lock(address: Uint8Array): void {
    const known = this.#keys.get(address);
    if (known === undefined) return;
    known.timer?.cancel();
    known.key.fill(0);
    this.#keys.delete(address);
  }

  lockAll(): void {
    for (const address of [...this.#keys.keys()]) this.lock(address);
  }

  #expire(address: Uint8Array, entry: Unlocked, leftMs: number): void {
    const stepMs = Math.min(leftMs, LONGEST_MS);
    entry.timer = this.#clock.after(stepMs, () => {
      if (this.#keys.get(address) !== entry) return;
      if (leftMs > stepMs) this.#expire(address, entry, leftMs - stepMs);
      else this.lock(address);
    });
  }
}
