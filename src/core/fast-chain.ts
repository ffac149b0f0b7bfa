import {
  deleteFastHeadHash,
  readBodyRlp,
  readFastHeadHash,
  readPivotNumber,
  readReceiptsRlp,
  writeBody,
  writeFastHeadHash,
  writeHeadBlockHash,
  writePivotNumber,
  writeReceipts,
  writeTxLookup,
} from "#core/rawdb";
import type { StateUpdate } from "#core/state";
import { type Block, type Header, mergeBlooms, type Receipt, receiptRoot } from "#core/types";
import type { Batch, KeyValueStore } from "#ethdb";
import { equalBytes } from "#util";
import { CoreError, stateUnavailable } from "./errors.ts";
import { writeStateUpdate } from "./genesis.ts";
import type { HeaderChain } from "./header-chain.ts";
import { verifyBody } from "./process.ts";

/** A block that is believed by its header, and not executed. */
export interface BlockWithReceipts {
  readonly block: Block;
  readonly receipts: readonly Receipt[];
}

/** What the store of a fast sync needs of the chain it is part of. */
export interface FastChainOptions {
  readonly db: KeyValueStore;
  readonly headers: HeaderChain;
  readonly hasState: (header: Header) => boolean;
  /** Runs after every other insert. */
  readonly enqueue: <T>(work: () => Promise<T>) => Promise<T>;
  /** Makes the batch and writes it, to the disk when enough waits; lets others run when it is time. */
  readonly write: (make: () => Batch) => Promise<void>;
}

/**
 * The receipts agree with the header that promises them.
 * @throws CORE_BODY_MISMATCH naming the field of the header
 */
export function verifyReceipts(header: Header, receipts: readonly Receipt[]): void {
  const refuse = (field: string) => CoreError("BODY_MISMATCH", { number: header.number, field });
  if (!equalBytes(receiptRoot(receipts), header.receiptRoot)) throw refuse("receiptRoot");
  if (!equalBytes(mergeBlooms(receipts.map((receipt) => receipt.bloom)), header.bloom)) throw refuse("bloom");
  if ((receipts.at(-1)?.cumulativeGasUsed ?? 0n) !== header.gasUsed) throw refuse("gasUsed");
}

/**
 * The part of a chain that fast sync writes: blocks with receipts, not executed, beyond a head that is still the
 * genesis, and the entries of one state. Nothing of it is seen through the chain until `commitPivot` moves the head,
 * in one atomic write. After a crash `head` tells where to go on.
 */
export class FastChain {
  readonly #options: FastChainOptions;
  #head: Header | undefined;

  constructor(options: FastChainOptions) {
    this.#options = options;
    const hash = readFastHeadHash(options.db);
    this.#head = hash === undefined ? undefined : options.headers.headerByHash(hash);
  }

  /** The last block stored; the chain's head when there is none beyond it. */
  get head(): Header {
    const { head } = this.#options.headers;
    return this.#head === undefined || this.#head.number <= head.number ? head : this.#head;
  }

  /** First block that was executed here: those before it have no state. 0: all have. */
  get pivot(): number {
    return readPivotNumber(this.#options.db) ?? 0;
  }

  /** Header, body and receipts are here. */
  has({ number, hash }: Pick<Header, "number" | "hash">): boolean {
    const { db, headers } = this.#options;
    return (
      headers.td(hash) !== undefined &&
      readBodyRlp(db, number, hash) !== undefined &&
      readReceiptsRlp(db, number, hash) !== undefined
    );
  }

  /**
   * Verifies headers, bodies and receipts, and stores them: ascending, each the child of one that is known. What came
   * before a bad block stays.
   * @throws CORE_PIVOT_PASSED when the head is not the genesis any more
   * @throws CONSENSUS_*, the engine's, CORE_BODY_MISMATCH: `data.number` names the block
   */
  insert(
    blocks: readonly BlockWithReceipts[],
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    return this.#options.enqueue(async () => {
      if (this.#options.headers.head.number > 0)
        throw CoreError("PIVOT_PASSED", { head: this.#options.headers.head.number });
      await this.#options.headers.checkSeals(
        blocks.map(({ block }) => block),
        options,
      );
      for (const each of blocks) {
        options.signal?.throwIfAborted();
        await this.#options.write(() => this.#stage(each));
        this.#options.headers.keep([each.block.header]);
        this.#head = each.block.header;
      }
    });
  }

  #stage({ block, receipts }: BlockWithReceipts): Batch {
    const { header } = block;
    const { db, headers } = this.#options;
    headers.verify([header]);
    verifyBody(block);
    verifyReceipts(header, receipts);
    const batch = db.batch();
    const { transactions, uncles, withdrawals } = block;
    writeBody(batch, header.number, header.hash, { transactions, uncles, withdrawals });
    writeReceipts(batch, header.number, header.hash, receipts);
    for (const tx of transactions) writeTxLookup(batch, tx.hash, header.number);
    headers.stageBeyond([header], batch);
    writeFastHeadHash(batch, header.hash);
    return batch;
  }

  /** Stores entries of a state. The caller gives a node only when all below it is stored or in the same call. */
  async writeState({ nodes, codes }: Pick<StateUpdate, "nodes" | "codes">): Promise<void> {
    await this.#options.write(() => {
      const batch = this.#options.db.batch();
      writeStateUpdate(batch, { nodes, codes });
      return batch;
    });
  }

  /**
   * Makes a stored block, whose state is complete, the head of the chain: what follows is executed. One atomic write,
   * on disk when this resolves.
   * @throws CORE_STATE_UNAVAILABLE, CORE_UNKNOWN_BLOCK, CORE_PIVOT_PASSED
   */
  commitPivot(header: Header): Promise<void> {
    return this.#options.enqueue(async () => {
      const { db, headers, hasState } = this.#options;
      if (headers.head.number > 0) throw CoreError("PIVOT_PASSED", { head: headers.head.number });
      if (!hasState(header)) throw stateUnavailable(header);
      if (!this.has(header)) throw CoreError("UNKNOWN_BLOCK", { number: header.number });
      const batch = db.batch();
      const staged = headers.stageJump(header, batch);
      writeHeadBlockHash(batch, header.hash);
      writePivotNumber(batch, header.number);
      deleteFastHeadHash(batch);
      batch.write();
      this.#head = undefined;
      headers.commit(staged);
      await db.flush();
    });
  }
}
