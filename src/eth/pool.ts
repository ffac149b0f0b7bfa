import type { HeadEvent } from "#core";
import {
  checkTransactionType,
  floorDataGas,
  intrinsicGas,
  senderOf,
  type Transaction,
  transactionSize,
  TypesError,
} from "#core/types";
import type { Account } from "#core/vm";
import { Feed } from "#event";
import type { Rules } from "#params";
import { ByteMap } from "#util";
import { EthError } from "./errors.ts";
import { limits } from "./limits.ts";

/** What the pool asks of the chain at its head. */
export interface PoolChain {
  readonly gasLimit: bigint;
  readonly rules: Rules;
  account(address: Uint8Array): Promise<Account | undefined>;
}

interface Entry {
  readonly tx: Transaction;
  readonly sender: Uint8Array;
  readonly sizeBytes: number;
  /** Order of arrival. */
  readonly order: number;
}

const feeCap = (tx: Transaction) => tx.maxFeePerGas ?? tx.gasPrice ?? 0n;
const tipCap = (tx: Transaction) => tx.maxPriorityFeePerGas ?? tx.gasPrice ?? 0n;
const cost = (tx: Transaction) => tx.value + tx.gas * feeCap(tx);

/** What a miner earns per gas at that base fee; negative: cannot be mined now. */
function tipAt(tx: Transaction, baseFee: bigint): bigint {
  const room = feeCap(tx) - baseFee;
  return room < tipCap(tx) ? room : tipCap(tx);
}

/**
 * The transactions this node was handed and that are in no block yet: by its own RPC or by its light clients. Not a pool
 * of the network's transactions: nothing is fetched or gossiped here.
 *
 * BOUNDED by limits.poolTransactions and poolBytes; per account by noncesAhead and by what its balance pays for.
 */
export class HandedPool {
  /** A transaction as it enters. */
  readonly added = new Feed<Transaction>();
  readonly #byHash = new ByteMap<Entry>();
  readonly #bySender = new ByteMap<Map<bigint, Entry>>();
  #bytes = 0;
  #order = 0;
  readonly #chain: () => PoolChain;

  /** @param chain gives the chain at its head, anew for each question */
  constructor(chain: () => PoolChain) {
    this.#chain = chain;
  }

  get size(): number {
    return this.#byHash.size;
  }

  get(hash: Uint8Array): Transaction | undefined {
    return this.#byHash.get(hash)?.tx;
  }

  /** All of them, oldest first. */
  all(): readonly Transaction[] {
    return [...this.#byHash.values()].sort((a, b) => a.order - b.order).map((entry) => entry.tx);
  }

  /**
   * Takes a transaction.
   * @throws ETH_* with geth's text when it is refused; nothing is evicted by a refused one
   */
  async add(tx: Transaction): Promise<void> {
    const chain = this.#chain();
    const sender = this.#checkAlone(tx, chain);
    const account = await chain.account(sender);
    this.#checkAccount(tx, sender, account?.nonce ?? 0n, account?.balance ?? 0n);
    const replaced = this.#bySender.get(sender)?.get(tx.nonce);
    const sizeBytes = transactionSize(tx);
    if (
      replaced === undefined &&
      (this.size >= limits.poolTransactions || this.#bytes + sizeBytes > limits.poolBytes)
    )
      throw EthError("POOL_FULL");
    if (replaced !== undefined) this.#remove(replaced);
    this.#insert({ tx, sender, sizeBytes, order: this.#order++ });
    this.added.send(tx);
  }

  /** Transactions that can go into the next block, dearest first, nonces of an account in order. */
  async executable(baseFee: bigint): Promise<readonly Transaction[]> {
    const chain = this.#chain();
    const queues: Entry[][] = [];
    for (const [sender, byNonce] of this.#bySender) {
      const queue: Entry[] = [];
      let nonce = (await chain.account(sender))?.nonce ?? 0n;
      for (let next = byNonce.get(nonce); next !== undefined; next = byNonce.get(++nonce)) {
        if (tipAt(next.tx, baseFee) < 0n) break;
        queue.push(next);
      }
      if (queue.length > 0) queues.push(queue);
    }
    const ordered: Transaction[] = [];
    while (queues.length > 0) {
      queues.sort((a, b) => compareHeads(a, b, baseFee));
      const first = queues[0]?.shift();
      if (first !== undefined) ordered.push(first.tx);
      if (queues[0]?.length === 0) queues.shift();
    }
    return ordered;
  }

  /** After a change of head: mined and stale ones leave, those of removed blocks come back if they still can. */
  async reset(
    event: HeadEvent,
    bodyOf: (header: HeadEvent["header"]) => readonly Transaction[],
  ): Promise<void> {
    for (const header of event.added)
      for (const tx of bodyOf(header)) {
        const entry = this.#byHash.get(tx.hash);
        if (entry !== undefined) this.#remove(entry);
      }
    const chain = this.#chain();
    for (const [sender, byNonce] of [...this.#bySender]) {
      const nonce = (await chain.account(sender))?.nonce ?? 0n;
      for (const entry of [...byNonce.values()]) if (entry.tx.nonce < nonce) this.#remove(entry);
    }
    for (const header of event.removed)
      for (const tx of bodyOf(header)) {
        try {
          await this.add(tx);
        } catch (error) {
          if (!EthError.is(error)) throw error; // no longer valid on the new chain: it is gone
        }
      }
  }

  /** Checks that need no state. Returns the sender. */
  #checkAlone(tx: Transaction, { rules, gasLimit }: PoolChain): Uint8Array {
    if (this.#byHash.has(tx.hash)) throw EthError("ALREADY_KNOWN");
    if (transactionSize(tx) > limits.transactionBytes) throw EthError("OVERSIZED");
    if (tx.type === 3) throw EthError("TYPE_NOT_SUPPORTED"); // blobs are not pooled yet
    const sender = senderUnder(tx, rules);
    if (tx.gas > gasLimit) throw EthError("GAS_LIMIT");
    if (tipCap(tx) > feeCap(tx)) throw EthError("TIP_ABOVE_FEE_CAP");
    const intrinsic = intrinsicGas(tx, rules);
    const floor = rules.isPrague ? floorDataGas(tx.input) : 0n;
    const want = intrinsic > floor ? intrinsic : floor;
    if (tx.gas < want) throw EthError("INTRINSIC_GAS", { have: tx.gas, want });
    return sender;
  }

  /** Checks against the sender's account and its other waiting transactions. */
  #checkAccount(tx: Transaction, sender: Uint8Array, next: bigint, balance: bigint): void {
    if (tx.nonce < next) throw EthError("NONCE_TOO_LOW", { next, nonce: tx.nonce });
    if (tx.nonce >= next + BigInt(limits.noncesAhead))
      throw EthError("NONCE_TOO_FAR", { next, nonce: tx.nonce });
    const waiting = this.#bySender.get(sender);
    const old = waiting?.get(tx.nonce)?.tx;
    if (old !== undefined) {
      const bumped = (price: bigint) => (price * (100n + limits.priceBumpPercent)) / 100n;
      if (feeCap(tx) < bumped(feeCap(old)) || tipCap(tx) < bumped(tipCap(old)) || feeCap(tx) <= feeCap(old))
        throw EthError("REPLACEMENT_UNDERPRICED");
    }
    let want = cost(tx);
    for (const entry of waiting?.values() ?? [])
      if (entry.tx.nonce >= next && entry.tx.nonce !== tx.nonce) want += cost(entry.tx);
    if (want > balance) throw EthError("INSUFFICIENT_FUNDS", { have: balance, want });
  }

  #insert(entry: Entry): void {
    this.#byHash.set(entry.tx.hash, entry);
    const byNonce = this.#bySender.get(entry.sender) ?? new Map<bigint, Entry>();
    byNonce.set(entry.tx.nonce, entry);
    this.#bySender.set(entry.sender, byNonce);
    this.#bytes += entry.sizeBytes;
  }

  #remove(entry: Entry): void {
    if (!this.#byHash.delete(entry.tx.hash)) return;
    const byNonce = this.#bySender.get(entry.sender);
    byNonce?.delete(entry.tx.nonce);
    if (byNonce?.size === 0) this.#bySender.delete(entry.sender);
    this.#bytes -= entry.sizeBytes;
  }
}

function compareHeads(a: readonly Entry[], b: readonly Entry[], baseFee: bigint): number {
  const [first, second] = [a[0], b[0]];
  if (first === undefined || second === undefined) return 0;
  const difference = tipAt(second.tx, baseFee) - tipAt(first.tx, baseFee);
  return difference > 0n ? 1 : difference < 0n ? -1 : first.order - second.order;
}

/** The sender, if the transaction's type, chain id and signature fit the rules. */
function senderUnder(tx: Transaction, rules: Rules): Uint8Array {
  try {
    checkTransactionType(tx, rules);
    return senderOf(tx);
  } catch (error) {
    if (TypesError.is(error, "TX_TYPE")) throw EthError("TYPE_NOT_SUPPORTED");
    if (TypesError.is(error)) throw EthError("INVALID_SENDER", undefined, { cause: error });
    throw error;
  }
}
