// long: the transactions of one sender: nonces without holes, and what is beyond them
import type { Transaction } from "#core/types";
import { cost, tipCap } from "./price.ts";

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
  /** Absent: no code. A sender with code is one that delegates (EIP-7702). */
  readonly codeHash?: Uint8Array | undefined;
  /** It has code that is no delegation: no transaction of it can be in a block (EIP-3607). */
  readonly isContract?: boolean | undefined;
}

/** How many transactions all accounts of a pool have; they keep it. */
export interface Counts {
  pending: number;
  queued: number;
}

/** An entry and what it is worth to whoever makes blocks, wei per gas. */
export interface Ranked {
  readonly entry: Entry;
  readonly worth: bigint;
}

const byNonce = (a: Entry, b: Entry) => (a.tx.nonce < b.tx.nonce ? -1 : 1);

/**
 * One account's transactions: `pending` are executable now, nonce after nonce from the account's own; `queued` wait for a
 * nonce or for funds. BOUNDED by the pool, which trims them.
 */
export class AccountTxs {
  readonly sender: Uint8Array;
  /** Host clock of the last transaction that came in; what lifetime counts from. */
  heartbeat: number;
  /** Its own transactions were handed in at this node. */
  isLocal: boolean;
  readonly #counts: Counts;
  readonly #pending = new Map<bigint, Entry>();
  readonly #queued = new Map<bigint, Entry>();
  /** What all of it may take from the balance. */
  #cost = 0n;
  /** The account's nonce that `pending` begins with. */
  #base: bigint | undefined;
  #ranking: readonly Ranked[] | undefined;

  constructor(sender: Uint8Array, options: { now: number; isLocal: boolean; counts: Counts }) {
    this.sender = sender;
    this.heartbeat = options.now;
    this.isLocal = options.isLocal;
    this.#counts = options.counts;
  }

  get pending(): ReadonlyMap<bigint, Entry> {
    return this.#pending;
  }

  get queued(): ReadonlyMap<bigint, Entry> {
    return this.#queued;
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
    const other = this.get(except);
    return other === undefined ? this.#cost : this.#cost - cost(other.tx);
  }

  /** Takes an entry where none is: it waits until `settle` or `promote`. */
  put(entry: Entry): void {
    this.#queued.set(entry.tx.nonce, entry);
    this.#counts.queued++;
    this.#cost += cost(entry.tx);
    this.#ranking = undefined;
  }

  /** Puts an entry in the place of another with its nonce; an executable one stays executable. */
  replace(old: Entry, entry: Entry): void {
    const list = this.#pending.get(old.tx.nonce) === old ? this.#pending : this.#queued;
    list.set(entry.tx.nonce, entry);
    this.#cost += cost(entry.tx) - cost(old.tx);
    this.#ranking = undefined;
  }

  /** Removes it, if it is here. What stood behind an executable one needs `settle` then. */
  delete(entry: Entry): void {
    for (const list of [this.#pending, this.#queued])
      if (list.get(entry.tx.nonce) === entry) {
        list.delete(entry.tx.nonce);
        if (list === this.#pending) this.#counts.pending--;
        else this.#counts.queued--;
        this.#cost -= cost(entry.tx);
        this.#ranking = undefined;
      }
  }

  /**
   * In which order they would make room, least worth first. Nobody earns an executable one's tip without the lower nonces
   * before it, so it is worth the least tip up to it: an account's last nonce always goes before the ones it stands on, and
   * no executable one is turned into a waiting one to make room (TX-03).
   */
  ranking(): readonly Ranked[] {
    if (this.#ranking !== undefined) return this.#ranking;
    const ranked: Ranked[] = [];
    let least: bigint | undefined;
    for (const entry of this.sortedPending()) {
      const tip = tipCap(entry.tx);
      least = least === undefined || tip < least ? tip : least;
      ranked.push({ entry, worth: least });
    }
    for (const entry of this.#queued.values()) ranked.push({ entry, worth: tipCap(entry.tx) });
    this.#ranking = ranked.sort(leastWorthFirst);
    return this.#ranking;
  }

  /** What a new transaction would be worth here: see `ranking`. */
  worthOf(tx: Transaction): bigint {
    let least = tipCap(tx);
    for (const { tx: other } of this.#pending.values())
      if (other.nonce < tx.nonce && tipCap(other) < least) least = tipCap(other);
    return least;
  }

  /**
   * Moves what has become executable by a `put`, the account being as at the last `settle` and all of it payable.
   * @returns those, or undefined if only `settle` can tell
   */
  promote(state: AccountState): Entry[] | undefined {
    if (state.nonce !== this.#base || this.#cost > state.balance) return undefined;
    const promoted: Entry[] = [];
    for (;;) {
      const entry = this.#queued.get(this.nextNonce(state));
      if (entry === undefined) break;
      this.#queued.delete(entry.tx.nonce);
      this.#pending.set(entry.tx.nonce, entry);
      promoted.push(entry);
    }
    if (promoted.length === 0) return promoted;
    this.#ranking = undefined;
    this.#counts.queued -= promoted.length;
    this.#counts.pending += promoted.length;
    return promoted;
  }

  /**
   * Sorts everything anew for a state: stale nonces and what can never be paid leave, the executable run is `pending`, the
   * rest is `queued`.
   * @returns those that leave, and those that became pending by this
   */
  settle(state: AccountState, gasLimit: bigint): { dropped: Entry[]; promoted: Entry[] } {
    const wasPending = new Set(this.pending.values());
    const all = [...this.pending.values(), ...this.queued.values()].sort(byNonce);
    this.#counts.pending -= this.#pending.size;
    this.#counts.queued -= this.#queued.size;
    this.#pending.clear();
    this.#queued.clear();
    this.#ranking = undefined;
    this.#base = state.nonce;
    const dropped: Entry[] = [];
    const promoted: Entry[] = [];
    let next = state.nonce;
    let left = state.balance;
    for (const entry of all) {
      const { tx } = entry;
      const isStale = tx.nonce < state.nonce || state.isContract === true;
      if (isStale || cost(tx) > state.balance || tx.gas > gasLimit) {
        dropped.push(entry);
        this.#cost -= cost(tx);
        continue;
      }
      if (tx.nonce === next && cost(tx) <= left) {
        this.#pending.set(tx.nonce, entry);
        if (!wasPending.has(entry)) promoted.push(entry);
        next++;
        left -= cost(tx);
      } else this.#queued.set(tx.nonce, entry);
    }
    this.#counts.pending += this.#pending.size;
    this.#counts.queued += this.#queued.size;
    return { dropped, promoted };
  }
}

/** Of equal worth the higher nonce of an account goes first, else what came last. */
export function leastWorthFirst(a: Ranked, b: Ranked): number {
  if (a.worth !== b.worth) return a.worth < b.worth ? -1 : 1;
  const [x, y] = [a.entry.tx.nonce, b.entry.tx.nonce];
  return x === y ? b.entry.order - a.entry.order : x > y ? -1 : 1;
}
