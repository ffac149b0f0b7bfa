import type { Engine } from "#consensus";
import {
  deleteTxLookup,
  readBody,
  readBodyRlp,
  readCode,
  readReceipts,
  readReceiptsRlp,
  readTrieNode,
  readTxLookup,
  type Writer,
  writeBody,
  writeHeadBlockHash,
  writeReceipts,
  writeTxLookup,
} from "#core/rawdb";
import { type CodeStore, type StateUpdate, stateReader } from "#core/state";
import type { Block, Body, Header, Receipt, Transaction } from "#core/types";
import type { StateReader } from "#core/vm";
import type { Batch, KeyValueStore } from "#ethdb";
import type { Feed } from "#event";
import type { Clock } from "#host";
import { type Logger, silentLogger } from "#log";
import type { ChainConfig, Genesis } from "#params";
import { emptyRoot, type NodeStore } from "#trie";
import { ByteSet, equalBytes, LruByteMap } from "#util";
import { BadBlocks } from "./bad-blocks.ts";
import { type BuildOptions, type BuiltBlock, buildBlock } from "./build.ts";
import { CoreError } from "./errors.ts";
import { FastChain } from "./fast-chain.ts";
import { readStoredGenesis, setupGenesis, type StoredGenesis, writeStateUpdate } from "./genesis.ts";
import type { HeadEvent, InsertResult } from "./head-event.ts";
import { HeaderChain, type StagedHeaders } from "./header-chain.ts";
import { limits } from "./limits.ts";
import { writeGenesisPreimages, writePreimages } from "./preimages.ts";
import { type Executed, processBlock, verifyUncles } from "./process.ts";
import { sendersAhead } from "./senders.ts";

export interface BlockChainOptions {
  readonly db: KeyValueStore;
  /** `stored`: go on with the chain that the database holds, as it was set up. */
  readonly genesis: Genesis | "stored";
  readonly engine: Engine;
  readonly clock: Pick<Clock, "unixSeconds" | "now" | "sleep">;
  readonly log?: Logger | undefined;
  /** Keep the addresses and slots that the state names by hash only (geth --cache.preimages). Default false. */
  readonly preimages?: boolean | undefined;
}

/** A canonical transaction and where it is. */
export interface LocatedTransaction {
  readonly tx: Transaction;
  readonly header: Header;
  /** Place in the block, from 0. */
  readonly index: number;
}

/**
 * Headers, bodies, receipts and every state since the genesis. A block is executed before it is believed, on
 * whichever chain it is, so a reorg of any depth only moves the head. Each block with its state, receipts,
 * lookups and head pointer is one atomic write: after a crash the chain ends at some whole block.
 */
export class BlockChain {
  readonly headers: HeaderChain;
  readonly db: KeyValueStore;
  /** All trie nodes, for #core/state and proofs. */
  readonly nodes: NodeStore;
  /** All codes by hash. */
  readonly codes: CodeStore;
  /** What fast sync writes, unseen until its pivot is committed. */
  readonly fast: FastChain;
  readonly #clock: BlockChainOptions["clock"];
  readonly #log: Logger;
  /** BOUNDED: limits.bodyCache, by block hash. */
  readonly #bodies = new LruByteMap<Body>(limits.bodyCache);
  /** BOUNDED: limits.receiptsCache, by block hash. */
  readonly #receipts = new LruByteMap<readonly Receipt[]>(limits.receiptsCache);
  /** BOUNDED: limits.nodeCache, by node hash. */
  readonly #nodeCache = new LruByteMap<Uint8Array>(limits.nodeCache);
  /** BOUNDED: limits.codeCache, by code hash. */
  readonly #codeCache = new LruByteMap<Uint8Array>(limits.codeCache);
  /** Results of blocks built here, so that inserting one does not execute it again. Lives as long as the block object. */
  readonly #built = new WeakMap<Block, Executed>();
  /** Bytes handed to the store since the last flush. BOUNDED: limits.unflushedBytes, and a block. */
  #unflushedBytes = 0;
  /** Milliseconds of work since others were last let run. */
  #busyMs = 0;
  /** Inserts run one after the other. */
  #queue: Promise<unknown> = Promise.resolve();
  readonly #keepsPreimages: boolean;
  readonly #bad = new BadBlocks();

  /**
   * Opens the chain in `db`, writing the genesis into an empty one.
   * @throws CORE_GENESIS_MISMATCH, CORE_CONFIG_MISMATCH, CORE_CORRUPT, RAWDB_SCHEMA
   * @throws CORE_NO_CHAIN when the stored chain is asked for and there is none
   */
  constructor(options: BlockChainOptions) {
    const { db, genesis, engine, clock } = options;
    this.db = db;
    this.#clock = clock;
    this.#log = options.log ?? silentLogger;
    const { header, config } = openGenesis(db, genesis);
    this.headers = new HeaderChain({
      db,
      config,
      engine,
      genesis: header,
      clock,
      log: options.log,
    });
    this.nodes = { get: (hash) => this.#node(hash) };
    this.codes = { get: (hash) => this.#code(hash) };
    this.#rewindToState();
    this.#keepsPreimages = options.preimages ?? false;
    if (this.#keepsPreimages && genesis !== "stored") writeGenesisPreimages(db, genesis);
    this.fast = new FastChain({
      db,
      headers: this.headers,
      hasState: (at) => this.hasState(at),
      enqueue: (work) => this.#enqueue(work),
      write: (make) => this.#writeBatch(make),
    });
  }

  get config(): ChainConfig {
    return this.headers.config;
  }

  get engine(): Engine {
    return this.headers.engine;
  }

  /** Blocks that were refused for what is in them, newest first. */
  get badBlocks(): readonly Block[] {
    return this.#bad.newestFirst;
  }

  get genesis(): Header {
    return this.headers.genesis;
  }

  /** The last block of the canonical chain; its state is here. */
  get head(): Header {
    return this.headers.head;
  }

  /** One event per change of head, sent when the block can be read. */
  get headEvents(): Feed<HeadEvent> {
    return this.headers.headEvents;
  }

  headerByHash(hash: Uint8Array): Header | undefined {
    return this.headers.headerByHash(hash);
  }

  headerByNumber(number: number): Header | undefined {
    return this.headers.headerByNumber(number);
  }

  isCanonical(header: Pick<Header, "number" | "hash">): boolean {
    return this.headers.isCanonical(header);
  }

  td(hash: Uint8Array): bigint | undefined {
    return this.headers.td(hash);
  }

  body(header: Pick<Header, "number" | "hash">): Body | undefined {
    const kept = this.#bodies.get(header.hash);
    if (kept !== undefined) return kept;
    const body = readBody(this.db, header.number, header.hash);
    if (body !== undefined) this.#bodies.set(header.hash, body);
    return body;
  }

  /** The body as it goes over the wire. */
  bodyRlp(header: Pick<Header, "number" | "hash">): Uint8Array | undefined {
    return readBodyRlp(this.db, header.number, header.hash);
  }

  block(header: Header): Block | undefined {
    const body = this.body(header);
    return body === undefined ? undefined : { header, ...body };
  }

  receipts(header: Pick<Header, "number" | "hash">): readonly Receipt[] | undefined {
    const kept = this.#receipts.get(header.hash);
    if (kept !== undefined) return kept;
    const receipts = readReceipts(this.db, header.number, header.hash);
    if (receipts !== undefined) this.#receipts.set(header.hash, receipts);
    return receipts;
  }

  /** The receipts of a block as they go over the wire: a list. */
  receiptsRlp(header: Pick<Header, "number" | "hash">): Uint8Array | undefined {
    return readReceiptsRlp(this.db, header.number, header.hash);
  }

  /** A transaction of the canonical chain. */
  transaction(hash: Uint8Array): LocatedTransaction | undefined {
    const number = readTxLookup(this.db, hash);
    const header = number === undefined ? undefined : this.headerByNumber(number);
    const transactions = header === undefined ? undefined : this.body(header)?.transactions;
    const index = transactions?.findIndex((tx) => equalBytes(tx.hash, hash)) ?? -1;
    const tx = transactions?.[index];
    return header === undefined || tx === undefined ? undefined : { tx, header, index };
  }

  hasState(header: Pick<Header, "stateRoot">): boolean {
    return equalBytes(header.stateRoot, emptyRoot) || this.#node(header.stateRoot) !== undefined;
  }

  /** The state after that block. @throws CORE_STATE_UNAVAILABLE */
  state(header: Pick<Header, "number" | "stateRoot">): StateReader {
    if (!this.hasState(header)) throw CoreError("STATE_UNAVAILABLE", { number: header.number });
    return stateReader(this.nodes, this.codes, header.stateRoot);
  }

  /**
   * Verifies, executes and stores blocks, ascending, each the child of one that is known. What came before a bad
   * block stays. Calls are queued: blocks of two callers never mix.
   * @throws CONSENSUS_*, the engine's, CORE_BODY_MISMATCH, CORE_EXECUTION_FAILED, CORE_EXECUTION_MISMATCH: `data.number`
   *   names the block
   */
  insertBlocks(
    blocks: readonly Block[],
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<InsertResult> {
    return this.#enqueue(async () => {
      const senders = sendersAhead(blocks);
      await this.headers.checkSeals(blocks, options);
      const total = { added: [] as Header[], removed: [] as Header[], imported: 0 };
      for (const [index, block] of blocks.entries()) {
        options.signal?.throwIfAborted();
        await senders(index);
        const start = this.#clock.now();
        const result = await this.#insertOne(block).catch((error: unknown) => this.#bad.note(block, error));
        if (result !== undefined) {
          total.added.push(...result.added);
          total.removed.push(...result.removed);
          total.imported++;
        }
        if (this.#unflushedBytes > limits.unflushedBytes) await this.#flushNow();
        await this.#giveWay(start);
      }
      return { ...net(total), head: this.head, imported: total.imported };
    });
  }

  /**
   * Makes a sealed block on top of `parent`; it is not inserted. Transactions that cannot be in it are left out
   * and named in `skipped`.
   */
  async buildBlock(
    parent: Header,
    transactions: readonly Transaction[],
    options: BuildOptions = {},
  ): Promise<BuiltBlock> {
    const { built, executed } = await buildBlock({
      chain: this.headers,
      nodes: this.nodes,
      reader: this.state(parent),
      parent,
      transactions,
      options: { ...options, time: options.time ?? this.#clock.unixSeconds() },
    });
    this.#built.set(built.block, executed);
    return built;
  }

  /** Builds on the head, inserts, and returns what was built. */
  async produceBlock(transactions: readonly Transaction[], options: BuildOptions = {}): Promise<BuiltBlock> {
    const built = await this.buildBlock(this.head, transactions, options);
    await this.insertBlocks([built.block]);
    return built;
  }

  /**
   * Goes back to a canonical block; blocks above it stay as a side chain. From a block without state (before the pivot
   * of a fast sync) it goes on to one that has it: the genesis. @throws CORE_UNKNOWN_BLOCK
   */
  setHead(number: number): Promise<void> {
    return this.#enqueue(async () => {
      let at = this.headerByNumber(number);
      while (at !== undefined && at.number > 0 && !this.hasState(at)) at = this.headerByNumber(at.number - 1);
      const batch = this.db.batch();
      const staged = this.headers.stageSetHead(at?.number ?? number, batch);
      this.#writeLookups(batch, staged, undefined);
      writeHeadBlockHash(batch, staged.head.hash);
      batch.write();
      this.headers.commit(staged);
    });
  }

  /**
   * Makes a stored block with its state the head, whatever fork choice says: for who is told the head from outside, as a
   * consensus layer does after the merge. @throws CORE_UNKNOWN_BLOCK, CORE_STATE_UNAVAILABLE
   */
  setCanonical(header: Header): Promise<void> {
    return this.#enqueue(async () => {
      if (!this.hasState(header)) throw CoreError("STATE_UNAVAILABLE", { number: header.number });
      const batch = this.db.batch();
      const staged = this.headers.stageCanonical(header, batch);
      this.#writeLookups(batch, staged, undefined);
      writeHeadBlockHash(batch, staged.head.hash);
      batch.write();
      this.headers.commit(staged);
    });
  }

  /** Resolves when everything inserted so far is on disk. */
  async flush(): Promise<void> {
    await this.#queue.catch(() => {});
    await this.#flushNow();
  }

  async #flushNow(): Promise<void> {
    this.#unflushedBytes = 0;
    await this.db.flush();
  }

  /** Counts work that began then, and lets others run when it has been enough. */
  async #giveWay(start: number): Promise<void> {
    this.#busyMs += this.#clock.now() - start;
    if (this.#busyMs < limits.yieldAfterMs) return;
    this.#busyMs = 0;
    await this.#clock.sleep(0);
  }

  async #writeBatch(make: () => Batch): Promise<void> {
    const start = this.#clock.now();
    const batch = make();
    this.#unflushedBytes += batch.sizeBytes;
    batch.write();
    if (this.#unflushedBytes > limits.unflushedBytes) await this.#flushNow();
    await this.#giveWay(start);
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#queue.then(work, work);
    this.#queue = next.catch(() => {});
    return next;
  }

  async #insertOne(block: Block): Promise<InsertResult | undefined> {
    const { header } = block;
    if (this.headers.has(header.hash) && this.hasState(header)) return this.#chooseAgain(block);
    this.headers.verify([header]);
    const parent = this.headerByHash(header.parentHash);
    // verify has just seen it
    if (parent === undefined) throw CoreError("UNKNOWN_BLOCK", { number: header.number - 1 });
    verifyUncles(this, block, this.#clock.unixSeconds());
    const executed =
      this.#built.get(block) ??
      (await processBlock({
        chain: this.headers,
        nodes: this.nodes,
        reader: this.state(parent),
        parent,
        block,
      }));
    return this.#write(block, executed);
  }

  #write(block: Block, { receipts, update, diff }: Executed): InsertResult {
    const { header } = block;
    const batch = this.db.batch();
    const body: Body = {
      transactions: block.transactions,
      uncles: block.uncles,
      withdrawals: block.withdrawals,
    };
    writeBody(batch, header.number, header.hash, body);
    writeReceipts(batch, header.number, header.hash, receipts);
    writeStateUpdate(batch, update);
    if (this.#keepsPreimages) writePreimages(batch, diff);
    const staged = this.headers.stage([header], batch);
    this.#writeLookups(batch, staged, { hash: header.hash, body });
    if (staged.added.length > 0) writeHeadBlockHash(batch, header.hash);
    this.#unflushedBytes += batch.sizeBytes;
    batch.write();
    this.#remember(header, body, receipts, update);
    this.headers.commit(staged);
    return staged;
  }

  #remember(header: Header, body: Body, receipts: readonly Receipt[], update: StateUpdate): void {
    this.#bodies.set(header.hash, body);
    this.#receipts.set(header.hash, receipts);
    for (const [hash, node] of update.nodes.slice(-limits.nodeCache)) this.#nodeCache.set(hash, node);
  }

  /** A block that is here already: it may be the better head again, after setHead. */
  #chooseAgain({ header }: Block): InsertResult | undefined {
    if (header.number === 0 || this.isCanonical(header)) return undefined;
    const batch = this.db.batch();
    const staged = this.headers.stage([header], batch);
    if (staged.added.length === 0) return undefined;
    this.#writeLookups(batch, staged, undefined);
    writeHeadBlockHash(batch, header.hash);
    batch.write();
    this.headers.commit(staged);
    return staged;
  }

  /** Lookup rows of a change of chain: those of removed blocks go, unless the transaction is in an added one. */
  #writeLookups(
    batch: Writer,
    staged: StagedHeaders,
    fresh: { hash: Uint8Array; body: Body } | undefined,
  ): void {
    const bodyOf = (header: Header) =>
      fresh !== undefined && equalBytes(fresh.hash, header.hash) ? fresh.body : this.body(header);
    const added = new ByteSet();
    for (const header of staged.added)
      for (const { hash } of bodyOf(header)?.transactions ?? []) {
        added.add(hash);
        writeTxLookup(batch, hash, header.number);
      }
    for (const header of staged.removed)
      for (const { hash } of bodyOf(header)?.transactions ?? [])
        if (!added.has(hash)) deleteTxLookup(batch, hash);
  }

  /** A head without state cannot be: whole blocks are written at once. If the disk lost it, go back to one that has. */
  #rewindToState(): void {
    let at: Header | undefined = this.head;
    while (at !== undefined && !this.hasState(at)) at = this.headerByNumber(at.number - 1);
    if (at === undefined) throw CoreError("CORRUPT", { what: "no block of the chain has its state" });
    if (equalBytes(at.hash, this.head.hash)) return;
    this.#log.warn("state of the head is missing; going back", { from: this.head.number, to: at.number });
    this.headers.setHead(at.number);
    writeHeadBlockHash(this.db, at.hash);
  }

  #node(hash: Uint8Array): Uint8Array | undefined {
    const kept = this.#nodeCache.get(hash);
    if (kept !== undefined) return kept;
    const node = readTrieNode(this.db, hash);
    if (node !== undefined) this.#nodeCache.set(hash, node);
    return node;
  }

  #code(hash: Uint8Array): Uint8Array | undefined {
    const kept = this.#codeCache.get(hash);
    if (kept !== undefined) return kept;
    const code = readCode(this.db, hash);
    if (code !== undefined) this.#codeCache.set(hash, code);
    return code;
  }
}

function openGenesis(db: KeyValueStore, genesis: Genesis | "stored"): StoredGenesis {
  if (genesis !== "stored") return { header: setupGenesis(db, genesis), config: genesis.config };
  const stored = readStoredGenesis(db);
  if (stored === undefined) throw CoreError("NO_CHAIN");
  return stored;
}

/** Headers that came and went within one insert cancel out. */
function net({ added, removed }: { added: Header[]; removed: Header[] }): {
  added: Header[];
  removed: Header[];
} {
  const gone = new ByteSet(removed.map((header) => header.hash));
  const came = new ByteSet(added.map((header) => header.hash));
  return {
    added: added.filter((header) => !gone.has(header.hash)),
    removed: removed.filter((header) => !came.has(header.hash)),
  };
}
