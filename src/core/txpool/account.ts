import type { Transaction } from "#core/types";
import { cost } from "./price.ts";

/** A transaction in the pool. */
export interface Entry {
  readonly tx: Transaction;
  readonly sender: Uint8Array;
  readonly sizeBytes: number;
  readonly slots: number;
  /** Order of arrival in the pool. */
  readonly order: number;
}

/** What the chain says of an account at the head. */
export interface AccountState {
  readonly nonce: bigint;
  readonly balance: bigint;
}

const byNonce = (a: Entry, b: Entry) => (a.tx.nonce < b.tx.nonce ? -1 : 1);

/**
 * One account's transactions: `pending` are executable now, nonce after nonce from the account's own; `queued` wait for a
 * nonce or for funds. BOUNDED by the pool, which trims them.
 */
export class AccountTxs {
  readonly sender: Uint8Array;
  readonly pending = new Map<bigint, Entry>();
  readonly queued = new Map<bigint, Entry>();
  /** Host clock of the last transaction that came in; what lifetime counts from. */
  heartbeat: number;

  constructor(sender: Uint8Array, now: number) {
    this.sender = sender;
    this.heartbeat = now;
  }

  get isEmpty(): boolean {
    return this.pending.size === 0 && this.queued.size === 0;
  }

  get(nonce: bigint): Entry | undefined {
    return this.pending.get(nonce) ?? this.queued.get(nonce);
  }

  sortedPending(): Entry[] {
    return [...this.pending.values()].sort(byNonce);
  }

  sortedQueued(): Entry[] {
    return [...this.queued.values()].sort(byNonce);
  }

  /** The nonce that a new executable transaction would have. */
  nextNonce(state: AccountState): bigint {
    return state.nonce + BigInt(this.pending.size);
  }

  /** What all of it may take from the balance, without the transaction of `except`. */
  totalCost(except: bigint): bigint {
    let sum = 0n;
    for (const { tx } of this.pending.values()) if (tx.nonce !== except) sum += cost(tx);
    for (const { tx } of this.queued.values()) if (tx.nonce !== except) sum += cost(tx);
    return sum;
  }

  /**
   * Sorts everything anew for a state: stale nonces and what can never be paid leave, the executable run is `pending`, the
   * rest is `queued`.
   * @returns those that leave, and those that became pending by this
   */
  settle(state: AccountState, gasLimit: bigint): { dropped: Entry[]; promoted: Entry[] } {
    const wasPending = new Set(this.pending.values());
    const all = [...this.pending.values(), ...this.queued.values()].sort(byNonce);
    this.pending.clear();
    this.queued.clear();
    const dropped: Entry[] = [];
    const promoted: Entry[] = [];
    let next = state.nonce;
    let left = state.balance;
    for (const entry of all) {
      const { tx } = entry;
      if (tx.nonce < state.nonce || cost(tx) > state.balance || tx.gas > gasLimit) {
        dropped.push(entry);
        continue;
      }
      if (tx.nonce === next && cost(tx) <= left) {
        this.pending.set(tx.nonce, entry);
        if (!wasPending.has(entry)) promoted.push(entry);
        next++;
        left -= cost(tx);
      } else this.queued.set(tx.nonce, entry);
    }
    return { dropped, promoted };
  }
}
