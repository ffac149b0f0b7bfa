// long: what is held, by sender and by price, changes together
import type { HeadEvent } from "#core";
import { decodeTransaction, encodeTransaction, type Transaction, transactionSize } from "#core/types";
import { Feed } from "#event";
import type { Clock, Timer } from "#host";
import { type Logger, silentLogger } from "#log";
import type { Rules } from "#params";
import { ByteMap, ByteSet } from "#util";
import {
  type AccountState,
  AccountTxs,
  type Counts,
  type Entry,
  leastWorthFirst,
  type Ranked,
} from "./account.ts";
import { Authorities } from "./authorities.ts";
import { TxPoolError } from "./errors.ts";
import type { TxJournal } from "./journal.ts";
import {
  defaultLimits,
  EVICT_EVERY_MS,
  REJOURNAL_EVERY_MS,
  SLOT_BYTES,
  type TxPoolLimits,
} from "./limits.ts";
import { mergeByTip } from "./merge.ts";
import { cost, isBumped, tipAt, tipCap } from "./price.ts";
import { validateAlone } from "./validate.ts";

/** The chain at its head, as the pool asks it. All answers are at hand. */
export interface PoolHead {
  readonly gasLimit: bigint;
  /** Rules of the next block. */
  readonly rules: Rules;
  account(address: Uint8Array): AccountState;
}

export interface TxPoolOptions {
  /** The chain at its head, anew for each question. */
  readonly head: () => PoolHead;
  readonly clock: Clock;
  readonly limits?: Partial<TxPoolLimits> | undefined;
  /** Keeps local transactions over a restart; absent: they are lost. */
  readonly journal?: TxJournal | undefined;
  /** Treat transactions of this node's own RPC like anybody's. */
  readonly noLocals?: boolean | undefined;
  readonly log?: Logger | undefined;
}

export type TxStatus = "pending" | "queued" | undefined;

/** Waiting transactions by sender, nonces ascending. */
export interface PoolContent {
  readonly pending: readonly (readonly [sender: Uint8Array, txs: readonly Transaction[]])[];
  readonly queued: readonly (readonly [sender: Uint8Array, txs: readonly Transaction[]])[];
}

/**
 * Transactions that are in no block yet (geth `core.TxPool`). Everything is decided in synchronous steps; a refused
 * transaction changes nothing. Local ones (handed in by this node's RPC) are exempt from price floor, trimming and lifetime,
 * and are kept in the journal.
 *
 * BOUNDED by `limits`: slots and bytes in all, executable slots and waiting transactions per account, lifetime.
 */
export class TxPool {
  /** Each transaction as it enters. */
  readonly added: Feed<Transaction>;
  /** Transactions that became executable, in batches: what is told to peers. */
  readonly txEvents: Feed<readonly Transaction[]>;
  readonly #head: () => PoolHead;
  readonly #clock: Clock;
  readonly #limits: TxPoolLimits;
  readonly #journal: TxJournal | undefined;
  readonly #log: Logger;
  readonly #noLocals: boolean;
  readonly #byHash = new ByteMap<Entry>();
  readonly #accounts = new ByteMap<AccountTxs>();
  readonly #counts: Counts = { pending: 0, queued: 0 };
  /** Senders of local transactions. BOUNDED by what this node's own users send. */
  readonly #locals = new ByteSet();
  readonly #authorities = new Authorities();
  #priceLimit: bigint;
  #slots = 0;
  #bytes = 0;
  #order = 0;
  #timers: Timer[] = [];

  constructor(options: TxPoolOptions) {
    const log = options.log ?? silentLogger;
    const failed = (error: unknown) => log.error("listener of the pool failed", { error });
    this.added = new Feed(failed);
    this.txEvents = new Feed(failed);
    this.#head = options.head;
    this.#clock = options.clock;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#journal = options.journal;
    this.#noLocals = options.noLocals ?? false;
    this.#log = log;
    this.#priceLimit = this.#limits.priceLimit;
  }

  /** Reads the journal and begins the rounds of eviction and rejournaling. */
  async start(): Promise<void> {
    for (const tx of (await this.#journal?.load()) ?? []) {
      if (this.has(tx.hash)) continue; // a journal may say things twice
      try {
        this.#admit(tx, true);
      } catch (error) {
        if (!TxPoolError.is(error)) throw error;
        this.#log.debug("journaled transaction left out", { code: error.code });
      }
    }
    await this.#journal?.rotate(this.#localTransactions());
    this.#every(EVICT_EVERY_MS, () => this.evictStale());
    if (this.#journal !== undefined)
      this.#every(REJOURNAL_EVERY_MS, () => {
        const failed = (error: unknown) => this.#log.error("journal of the pool not written anew", { error });
        this.#journal?.rotate(this.#localTransactions()).catch(failed); // the old one is still whole
      });
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    await this.#journal?.rotate(this.#localTransactions());
  }

  get size(): number {
    return this.#byHash.size;
  }

  get priceLimit(): bigint {
    return this.#priceLimit;
  }

  stats(): { readonly pending: number; readonly queued: number } {
    return { ...this.#counts };
  }

  get(hash: Uint8Array): Transaction | undefined {
    return this.#byHash.get(hash)?.tx;
  }

  has(hash: Uint8Array): boolean {
    return this.#byHash.has(hash);
  }

  status(hash: Uint8Array): TxStatus {
    const entry = this.#byHash.get(hash);
    if (entry === undefined) return undefined;
    return this.#accounts.get(entry.sender)?.pending.get(entry.tx.nonce) === entry ? "pending" : "queued";
  }

  isLocal(sender: Uint8Array): boolean {
    return this.#locals.has(sender);
  }

  /** All of them, oldest first. */
  all(): readonly Transaction[] {
    return [...this.#byHash.values()].sort((a, b) => a.order - b.order).map((entry) => entry.tx);
  }

  /** The executable ones, oldest first: what a new peer is sent. */
  pending(): readonly Transaction[] {
    const entries: Entry[] = [];
    for (const account of this.#accounts.values()) entries.push(...account.pending.values());
    return entries.sort((a, b) => a.order - b.order).map((entry) => entry.tx);
  }

  content(): PoolContent {
    const pending: [Uint8Array, Transaction[]][] = [];
    const queued: [Uint8Array, Transaction[]][] = [];
    for (const account of this.#accounts.values()) {
      if (account.pending.size > 0)
        pending.push([account.sender, account.sortedPending().map(({ tx }) => tx)]);
      if (account.queued.size > 0) queued.push([account.sender, account.sortedQueued().map(({ tx }) => tx)]);
    }
    return { pending, queued };
  }

  /** The nonce the account's next transaction should have, those waiting here counted. */
  nonce(address: Uint8Array): bigint {
    const state = this.#head().account(address);
    return this.#accounts.get(address)?.nextNonce(state) ?? state.nonce;
  }

  /**
   * Takes a transaction. A local one is in the journal when this resolves.
   * @throws TXPOOL_* with geth's text; nothing has changed then
   */
  async add(tx: Transaction, { local = false }: { local?: boolean | undefined } = {}): Promise<void> {
    const isLocal = local && !this.#noLocals;
    this.#admit(tx, isLocal);
    if (isLocal) await this.#journal?.append(tx);
  }

  /** Takes those of a peer, each for itself. @returns per transaction undefined, or why it was refused */
  addRemotes(txs: readonly Transaction[]): readonly (Error | undefined)[] {
    return txs.map((tx) => {
      try {
        this.#admit(tx, false);
        return undefined;
      } catch (error) {
        if (TxPoolError.is(error)) return error;
        throw error;
      }
    });
  }

  /** Least tip of remote transactions from now on; those below leave (miner_setGasPrice). */
  setPriceLimit(wei: bigint): void {
    this.#priceLimit = wei;
    for (const entry of [...this.#byHash.values()])
      if (tipCap(entry.tx) < wei && !this.#locals.has(entry.sender)) this.#dropAndSettle(entry);
  }

  /** Transactions for the next block, dearest first, nonces of an account in order. */
  executable(baseFee: bigint): readonly Transaction[] {
    const queues: Entry[][] = [];
    for (const account of this.#accounts.values()) {
      const payable = account.sortedPending();
      const end = payable.findIndex(({ tx }) => tipAt(tx, baseFee) < 0n);
      const queue = end < 0 ? payable : payable.slice(0, end);
      if (queue.length > 0) queues.push(queue);
    }
    return mergeByTip(queues, baseFee);
  }

  /**
   * Follows a change of head: mined ones leave, those of removed blocks come back if they still can, the rest is sorted anew.
   * The nonces at the head tell what was mined, so bodies are only read where blocks were removed: a node that catches up
   * does not decode them again for a pool that is empty.
   */
  reset(event: HeadEvent, bodyOf: (header: HeadEvent["header"]) => readonly Transaction[]): void {
    if (this.size === 0 && event.removed.length === 0) return;
    const head = this.#head();
    const back = this.#reinject(event, bodyOf, head);
    const promoted: Entry[] = [];
    for (const account of [...this.#accounts.values()]) promoted.push(...this.#settle(account, head));
    this.#shrink();
    this.#trim();
    for (const { tx } of back) if (this.has(tx.hash)) this.added.send(tx);
    this.#tell(promoted);
  }

  /** Drops waiting transactions of remote accounts that sent nothing for a lifetime. */
  evictStale(): void {
    const before = this.#clock.now() - this.#limits.lifetimeMs;
    for (const account of [...this.#accounts.values()]) {
      if (account.heartbeat > before || account.isLocal) continue;
      for (const entry of account.sortedQueued()) this.#remove(entry);
    }
  }

  #every(ms: number, work: () => void): void {
    const index = this.#timers.length;
    const again = () => {
      this.#timers[index] = this.#clock.after(ms, () => {
        work();
        again();
      });
    };
    again();
  }

  #localTransactions(): Transaction[] {
    return this.all().filter((tx) => {
      const entry = this.#byHash.get(tx.hash);
      return entry !== undefined && this.#locals.has(entry.sender);
    });
  }

  /**
   * Puts the transactions of removed blocks back where they were, before anything is sorted: sorting first would take what
   * stood behind them for waiting, and cut it.
   */
  #reinject(
    event: HeadEvent,
    bodyOf: (header: HeadEvent["header"]) => readonly Transaction[],
    head: PoolHead,
  ): readonly Entry[] {
    if (event.removed.length > this.#limits.reinjectDepth) {
      this.#log.debug("reorg too deep to put its transactions back", { depth: event.removed.length });
      return [];
    }
    if (event.removed.length === 0) return [];
    const mined = new ByteSet();
    for (const header of event.added) for (const tx of bodyOf(header)) mined.add(tx.hash);
    const back: Entry[] = [];
    for (const header of event.removed)
      for (const tx of bodyOf(header)) {
        if (mined.has(tx.hash) || this.#byHash.has(tx.hash)) continue;
        try {
          back.push(this.#putBack(tx, head));
        } catch (error) {
          if (!TxPoolError.is(error)) throw error; // no longer valid on the new chain: it is gone
        }
      }
    return back;
  }

  #putBack(tx: Transaction, head: PoolHead): Entry {
    const sender = validateAlone(tx, head.rules, head.gasLimit);
    if (!this.#locals.has(sender) && tipCap(tx) < this.#priceLimit) throw TxPoolError("UNDERPRICED");
    const account = this.#accountOf(sender);
    const old = account.get(tx.nonce);
    if (old !== undefined && !isBumped(old.tx, tx, this.#limits.priceBump))
      throw TxPoolError("REPLACEMENT_UNDERPRICED");
    const entry = this.#entryOf(tx, sender);
    this.#insert(entry, account, old);
    return entry;
  }

  /** The sender's, or a new one that is not yet among them. */
  #accountOf(sender: Uint8Array): AccountTxs {
    const known = this.#accounts.get(sender);
    if (known !== undefined) return known;
    const isLocal = this.#locals.has(sender);
    return new AccountTxs(sender, { now: this.#clock.now(), isLocal, counts: this.#counts });
  }

  #entryOf(tx: Transaction, sender: Uint8Array): Entry {
    const sizeBytes = transactionSize(tx);
    return {
      tx: detached(tx),
      sender,
      sizeBytes,
      slots: Math.ceil(sizeBytes / SLOT_BYTES),
      order: this.#order++,
    };
  }

  /** All checks, then all changes. */
  #admit(tx: Transaction, local: boolean): void {
    if (this.#byHash.has(tx.hash)) throw TxPoolError("ALREADY_KNOWN");
    const head = this.#head();
    const sender = validateAlone(tx, head.rules, head.gasLimit);
    const isLocal = local || this.#locals.has(sender);
    if (!isLocal && tipCap(tx) < this.#priceLimit) throw TxPoolError("UNDERPRICED");
    const state = head.account(sender);
    const account = this.#accountOf(sender);
    this.#checkAccount(tx, account, state, isLocal);
    const old = account.get(tx.nonce);
    const entry = this.#entryOf(tx, sender);
    const victims = this.#victimsFor(entry, account, state, { old, isLocal });
    this.#authorities.check(tx, account, state, (authority) => this.#accounts.get(authority));
    for (const victim of victims) this.#dropAndSettle(victim);
    if (local) {
      this.#locals.add(sender);
      account.isLocal = true;
    }
    this.#insert(entry, account, old);
    const promoted = account.promote(state) ?? this.#settle(account, head);
    this.#cutQueue(account);
    this.#trim();
    if (!this.#byHash.has(tx.hash)) throw TxPoolError("POOL_FULL"); // the biggest of too many executable ones
    this.added.send(entry.tx);
    // one that took the place of an executable one is executable without being promoted
    this.#tell(promoted.includes(entry) ? promoted : [entry, ...promoted]);
  }

  #checkAccount(tx: Transaction, account: AccountTxs, state: AccountState, isLocal: boolean): void {
    if (state.isContract === true) throw TxPoolError("SENDER_NO_EOA");
    if (tx.nonce < state.nonce) throw TxPoolError("NONCE_TOO_LOW", { next: state.nonce, nonce: tx.nonce });
    const own = cost(tx);
    if (own > state.balance) throw TxPoolError("INSUFFICIENT_FUNDS", { have: state.balance, want: own });
    const old = account.get(tx.nonce);
    if (old !== undefined && !isBumped(old.tx, tx, this.#limits.priceBump))
      throw TxPoolError("REPLACEMENT_UNDERPRICED");
    // all of the account's transactions together must be payable, or only the first few would ever be mined (TX-02)
    const want = own + account.totalCost(tx.nonce);
    if (want > state.balance) throw TxPoolError("INSUFFICIENT_FUNDS", { have: state.balance, want });
    const isQueued = tx.nonce > account.nextNonce(state);
    if (isQueued && old === undefined && !isLocal && account.queued.size >= this.#limits.accountQueue) {
      let isHighest = true;
      for (const nonce of account.queued.keys()) if (nonce > tx.nonce) isHighest = false;
      if (isHighest) throw TxPoolError("ACCOUNT_LIMIT"); // else the highest goes instead
    }
  }

  /**
   * Remote transactions of less worth that make room; none if there is room. Local ones need room only of bytes.
   * @throws if too few are worth less
   */
  #victimsFor(
    entry: Entry,
    account: AccountTxs,
    state: AccountState,
    { old, isLocal }: { old: Entry | undefined; isLocal: boolean },
  ): readonly Entry[] {
    const { globalSlots, globalQueue, poolBytes } = this.#limits;
    let slots = this.#slots + entry.slots - (old?.slots ?? 0);
    let bytes = this.#bytes + entry.sizeBytes - (old?.sizeBytes ?? 0);
    const isFull = () => slots > globalSlots + globalQueue || bytes > poolBytes;
    if (!isFull()) return [];
    const victims: Entry[] = [];
    const isFuture = entry.tx.nonce > account.nextNonce(state);
    const worth = isLocal ? 0n : account.worthOf(entry.tx);
    for (const { entry: victim, worth: less } of this.#leastWorth(isLocal ? account : undefined)) {
      if (!isFull()) return victims;
      if (!isLocal && less >= worth) throw TxPoolError(victims.length === 0 ? "UNDERPRICED" : "POOL_FULL");
      if (victim === old) continue; // goes in any case
      // one that cannot be mined yet must not push out one that can (TX-01, TX-03)
      if (!isLocal && isFuture && this.status(victim.tx.hash) === "pending")
        throw TxPoolError("FUTURE_REPLACES_PENDING");
      victims.push(victim);
      slots -= victim.slots;
      bytes -= victim.sizeBytes;
    }
    if (isFull() && !(isLocal && bytes <= poolBytes)) throw TxPoolError("POOL_FULL");
    return victims;
  }

  /** Remote transactions, least worth first. Asked at each step of a flood while the pool is full, so it does not sort. */
  *#leastWorth(except?: AccountTxs): Generator<Ranked> {
    const runs: { ranking: readonly Ranked[]; at: number }[] = [];
    for (const account of this.#accounts.values())
      if (account !== except && !account.isLocal) runs.push({ ranking: account.ranking(), at: 0 });
    for (;;) {
      let best: { ranked: Ranked; run: { at: number } } | undefined;
      for (const run of runs) {
        const ranked = run.ranking[run.at];
        if (ranked !== undefined && (best === undefined || leastWorthFirst(ranked, best.ranked) < 0))
          best = { ranked, run };
      }
      if (best === undefined) return;
      best.run.at++;
      yield best.ranked;
    }
  }

  /** Holds the bounds of slots and bytes after a change of head brought many back at once. */
  #shrink(): void {
    const { globalSlots, globalQueue, poolBytes } = this.#limits;
    const victims: Entry[] = [];
    let [slots, bytes] = [this.#slots, this.#bytes];
    for (const { entry } of this.#leastWorth()) {
      if (slots <= globalSlots + globalQueue && bytes <= poolBytes) break;
      victims.push(entry);
      slots -= entry.slots;
      bytes -= entry.sizeBytes;
    }
    for (const victim of victims) this.#remove(victim); // last nonces first: nothing stands behind them
  }

  #insert(entry: Entry, account: AccountTxs, old: Entry | undefined): void {
    if (old === undefined) account.put(entry);
    else {
      account.replace(old, entry);
      this.#forget(old);
    }
    this.#byHash.set(entry.tx.hash, entry);
    this.#accounts.set(entry.sender, account);
    this.#authorities.add(entry.tx);
    account.heartbeat = this.#clock.now();
    this.#slots += entry.slots;
    this.#bytes += entry.sizeBytes;
  }

  #forget(entry: Entry): boolean {
    if (!this.#byHash.delete(entry.tx.hash)) return false;
    this.#slots -= entry.slots;
    this.#bytes -= entry.sizeBytes;
    this.#authorities.remove(entry.tx);
    return true;
  }

  #remove(entry: Entry): void {
    if (!this.#forget(entry)) return;
    const account = this.#accounts.get(entry.sender);
    if (account === undefined) return;
    account.delete(entry);
    if (account.isEmpty) this.#accounts.delete(entry.sender);
  }

  /** Removes one; what stood behind it waits for its nonce again. */
  #dropAndSettle(entry: Entry): void {
    this.#remove(entry);
    const account = this.#accounts.get(entry.sender);
    if (account !== undefined) this.#settle(account, this.#head());
  }

  #settle(account: AccountTxs, head: PoolHead): readonly Entry[] {
    const { dropped, promoted } = account.settle(head.account(account.sender), head.gasLimit);
    for (const entry of dropped) this.#remove(entry);
    if (account.isEmpty) this.#accounts.delete(account.sender);
    if (promoted.length > 0) account.heartbeat = this.#clock.now();
    this.#cutQueue(account);
    return promoted;
  }

  /** The highest nonces of a remote account that has too many waiting leave. */
  #cutQueue(account: AccountTxs): void {
    const { accountQueue } = this.#limits;
    if (account.queued.size <= accountQueue || account.isLocal) return;
    for (const entry of account.sortedQueued().slice(accountQueue)) this.#remove(entry);
  }

  /** Holds the bounds of all accounts together: executable slots, then waiting transactions. Locals are exempt. */
  #trim(): void {
    this.#trimPending();
    this.#trimQueued();
  }

  /** The biggest remote senders lose their last nonces first, none goes below accountSlots. */
  #trimPending(): void {
    const { globalSlots, accountSlots } = this.#limits;
    if (this.#counts.pending <= globalSlots) return;
    const offenders: AccountTxs[] = [];
    for (const account of this.#accounts.values())
      if (account.pending.size > accountSlots && !account.isLocal) offenders.push(account);
    while (this.#counts.pending > globalSlots) {
      offenders.sort((a, b) => b.pending.size - a.pending.size);
      const biggest = offenders[0];
      const last = biggest?.sortedPending().at(-1);
      if (biggest === undefined || last === undefined || biggest.pending.size <= accountSlots) return;
      this.#remove(last);
    }
  }

  /** Waiting transactions of the accounts that were silent longest go first, highest nonces first. */
  #trimQueued(): void {
    const { globalQueue } = this.#limits;
    if (this.#counts.queued <= globalQueue) return;
    const remotes = [...this.#accounts.values()]
      .filter((account) => account.queued.size > 0 && !account.isLocal)
      .sort((a, b) => a.heartbeat - b.heartbeat);
    for (const account of remotes)
      for (const entry of account.sortedQueued().reverse()) {
        if (this.#counts.queued <= globalQueue) return;
        this.#remove(entry);
      }
  }

  #tell(promoted: readonly Entry[]): void {
    const still = promoted
      .filter((entry) => this.status(entry.tx.hash) === "pending")
      .map((entry) => entry.tx);
    if (still.length > 0) this.txEvents.send(still);
  }
}

/**
 * The same transaction on bytes of its own. What was decoded is views of the message it came in: a hundred bytes that stay for
 * hours must not keep ten megabytes with them.
 */
function detached(tx: Transaction): Transaction {
  const isAlone = tx.input.buffer.byteLength <= 2 * transactionSize(tx);
  return isAlone ? tx : decodeTransaction(encodeTransaction(tx));
}
