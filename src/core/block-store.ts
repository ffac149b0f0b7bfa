import {
  type BlockPlace,
  deleteBody,
  deleteReceipts,
  deleteTxLookup,
  readBody,
  readBodyRlp,
  readReceipts,
  readReceiptsRlp,
  readTxLookup,
  type Writer,
  writeBody,
  writeReceipts,
  writeTxLookup,
} from "#core/rawdb";
import type { Block, Body, Header, Receipt, Transaction } from "#core/types";
import type { KeyValueStore } from "#ethdb";
import { ByteSet, equalBytes, LruByteMap } from "#util";
import type { HeaderChain, StagedHeaders } from "./header-chain.ts";
import { limits } from "./limits.ts";

export interface BlockStoreOptions {
  readonly db: KeyValueStore;
  readonly headers: Pick<HeaderChain, "headerByNumber" | "remove">;
}

/** A canonical transaction and where it is. */
export interface LocatedTransaction {
  readonly tx: Transaction;
  readonly header: Header;
  /** Place in the block, from 0. */
  readonly index: number;
}

/** Bodies and receipts of blocks on any branch, and where the transactions of the canonical one are. */
export class BlockStore {
  readonly #db: KeyValueStore;
  readonly #headers: BlockStoreOptions["headers"];
  /** BOUNDED: limits.bodyCache, by block hash. */
  readonly #bodies = new LruByteMap<Body>(limits.bodyCache);
  /** BOUNDED: limits.receiptsCache, by block hash. */
  readonly #receipts = new LruByteMap<readonly Receipt[]>(limits.receiptsCache);

  constructor({ db, headers }: BlockStoreOptions) {
    this.#db = db;
    this.#headers = headers;
  }

  body({ number, hash }: BlockPlace): Body | undefined {
    const kept = this.#bodies.get(hash);
    if (kept !== undefined) return kept;
    const body = readBody(this.#db, number, hash);
    if (body !== undefined) this.#bodies.set(hash, body);
    return body;
  }

  /** The body as it goes over the wire. */
  bodyRlp({ number, hash }: BlockPlace): Uint8Array | undefined {
    return readBodyRlp(this.#db, number, hash);
  }

  block(header: Header): Block | undefined {
    const body = this.body(header);
    return body === undefined ? undefined : { header, ...body };
  }

  receipts({ number, hash }: BlockPlace): readonly Receipt[] | undefined {
    const kept = this.#receipts.get(hash);
    if (kept !== undefined) return kept;
    const receipts = readReceipts(this.#db, number, hash);
    if (receipts !== undefined) this.#receipts.set(hash, receipts);
    return receipts;
  }

  /** The receipts of a block as they go over the wire: a list. */
  receiptsRlp({ number, hash }: BlockPlace): Uint8Array | undefined {
    return readReceiptsRlp(this.#db, number, hash);
  }

  /** A block that was executed here, or believed by a fast sync. */
  isExecuted(place: BlockPlace): boolean {
    return this.#receipts.has(place.hash) || this.receiptsRlp(place) !== undefined;
  }

  /** A transaction of the canonical chain. */
  transaction(hash: Uint8Array): LocatedTransaction | undefined {
    const number = readTxLookup(this.#db, hash);
    const header = number === undefined ? undefined : this.#headers.headerByNumber(number);
    const transactions = header === undefined ? undefined : this.body(header)?.transactions;
    const index = transactions?.findIndex((tx) => equalBytes(tx.hash, hash)) ?? -1;
    const tx = transactions?.[index];
    return header === undefined || tx === undefined ? undefined : { tx, header, index };
  }

  /** Takes a block that was executed into `batch`; after the write, call `keep`. */
  stage(batch: Writer, block: Block, receipts: readonly Receipt[]): void {
    const { number, hash } = block.header;
    writeBody(batch, number, hash, block);
    writeReceipts(batch, number, hash, receipts);
  }

  /** Keeps a block in memory that was written. */
  keep({ header, transactions, uncles, withdrawals }: Block, receipts: readonly Receipt[]): void {
    this.#bodies.set(header.hash, { transactions, uncles, withdrawals });
    this.#receipts.set(header.hash, receipts);
  }

  /**
   * Lookup rows of a change of chain: those of removed blocks go, unless the transaction is in an added one.
   * `fresh`: the block that is in the same batch, and not yet here.
   */
  stageLookups(batch: Writer, { added, removed }: StagedHeaders, fresh?: Block): void {
    const transactionsOf = (header: Header) =>
      (fresh !== undefined && equalBytes(fresh.header.hash, header.hash) ? fresh : this.body(header))
        ?.transactions ?? [];
    const kept = new ByteSet();
    for (const header of added)
      for (const { hash } of transactionsOf(header)) {
        kept.add(hash);
        writeTxLookup(batch, hash, header.number);
      }
    for (const header of removed)
      for (const { hash } of transactionsOf(header)) if (!kept.has(hash)) deleteTxLookup(batch, hash);
  }

  /** Removes all that is stored of blocks that are not canonical. */
  remove(places: readonly BlockPlace[], batch: Writer): void {
    this.#headers.remove(places, batch);
    for (const { number, hash } of places) {
      deleteBody(batch, number, hash);
      deleteReceipts(batch, number, hash);
      this.#bodies.delete(hash);
      this.#receipts.delete(hash);
    }
  }
}
