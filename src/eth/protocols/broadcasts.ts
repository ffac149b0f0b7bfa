import type { Block, Header, Transaction } from "#core/types";
import { transactionSize } from "#core/types";
import type { EthPool } from "./backend.ts";
import { ethLimits as limits } from "./limits.ts";
import type { BlockAnnouncement, NewBlock, TxAnnouncement } from "./messages.ts";

/** Writes of one peer's broadcasts. Each resolves when the peer's write queue has room again. */
export interface BroadcastWriter {
  newBlock(body: NewBlock): Promise<void>;
  newBlockHashes(body: readonly BlockAnnouncement[]): Promise<void>;
  transactions(body: readonly Transaction[]): Promise<void>;
  newPooledTransactionHashes(body: readonly TxAnnouncement[]): Promise<void>;
}

/**
 * What waits to be told to one peer. One message at a time: blocks before announcements before transactions. A peer that does not read
 * loses broadcasts, nothing piles up.
 *
 * BOUNDED: limits.queuedBlocks and queuedAnnouncements (later ones are dropped), queuedTransactions of each kind (the oldest are).
 */
export class Broadcasts {
  readonly #writer: BroadcastWriter;
  readonly #pool: EthPool;
  readonly #blocks: NewBlock[] = [];
  readonly #announcements: BlockAnnouncement[] = [];
  #transactions: Uint8Array[] = [];
  #txAnnouncements: Uint8Array[] = [];
  #isWriting = false;
  #isOver = false;

  constructor(writer: BroadcastWriter, pool: EthPool) {
    this.#writer = writer;
    this.#pool = pool;
  }

  /** False: dropped, the queue is full. */
  block(block: Block, td: bigint): boolean {
    if (this.#blocks.length >= limits.queuedBlocks) return false;
    this.#blocks.push({ block, td });
    this.#start();
    return true;
  }

  announcement({ hash, number }: Pick<Header, "hash" | "number">): boolean {
    if (this.#announcements.length >= limits.queuedAnnouncements) return false;
    this.#announcements.push({ hash, number });
    this.#start();
    return true;
  }

  /** Hashes of transactions of the pool that go out whole. */
  transactions(hashes: readonly Uint8Array[]): void {
    this.#transactions = [...this.#transactions, ...hashes].slice(-limits.queuedTransactions);
    this.#start();
  }

  /** Hashes of transactions of the pool that are announced. */
  txAnnouncements(hashes: readonly Uint8Array[]): void {
    this.#txAnnouncements = [...this.#txAnnouncements, ...hashes].slice(-limits.queuedTransactions);
    this.#start();
  }

  /** Nothing more is written. */
  close(): void {
    this.#isOver = true;
  }

  #start(): void {
    if (this.#isWriting || this.#isOver) return;
    this.#isWriting = true;
    this.#write().catch(() => this.close()); // the connection is over, and its reader knows why
  }

  async #write(): Promise<void> {
    await Promise.resolve(); // what is queued in one go leaves in one message
    for (let next = this.#next(); next !== undefined && !this.#isOver; next = this.#next()) await next();
    this.#isWriting = false; // in the same step as the look: what is queued after it begins anew
  }

  #next(): (() => Promise<void>) | undefined {
    const block = this.#blocks.shift();
    if (block !== undefined) return () => this.#writer.newBlock(block);
    const announcement = this.#announcements.shift();
    if (announcement !== undefined) return () => this.#writer.newBlockHashes([announcement]);
    const transactions = this.#packed();
    if (transactions.length > 0) return () => this.#writer.transactions(transactions);
    const announced = this.#announced();
    if (announced.length > 0) return () => this.#writer.newPooledTransactionHashes(announced);
    return undefined;
  }

  /** Transactions of about 100 KiB; those that left the pool meanwhile are passed over. */
  #packed(): readonly Transaction[] {
    const pack = packTransactions(this.#transactions, (hash) => this.#pool.get(hash));
    this.#transactions = this.#transactions.slice(pack.used);
    return pack.transactions;
  }

  #announced(): readonly TxAnnouncement[] {
    const found: TxAnnouncement[] = [];
    let used = 0;
    for (; used < this.#txAnnouncements.length && found.length < limits.announcementPack; used++) {
      const tx = this.#pool.get(this.#txAnnouncements[used] ?? new Uint8Array());
      if (tx !== undefined) found.push({ hash: tx.hash, type: tx.type, size: transactionSize(tx) });
    }
    this.#txAnnouncements = this.#txAnnouncements.slice(used);
    return found;
  }
}

/** The next message of transactions: about 100 KiB, one oversized transaction allowed. `used`: items of `from` that were looked at. */
export function packTransactions<T>(
  from: readonly T[],
  get: (item: T) => Transaction | undefined,
): { transactions: readonly Transaction[]; used: number } {
  const transactions: Transaction[] = [];
  let size = 0;
  let used = 0;
  for (const item of from) {
    if (size >= limits.transactionPackBytes) break;
    used++;
    const tx = get(item);
    if (tx === undefined) continue;
    transactions.push(tx);
    size += transactionSize(tx);
  }
  return { transactions, used };
}
