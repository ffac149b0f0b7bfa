// long: what is stored of a block, which states are held and which block is the head change together, in one queue
import type { Engine } from "#consensus";
import {
  type AsidePlace,
  deleteBody,
  deleteReceipts,
  deleteRecoveryHash,
  deleteTxLookup,
  readBody,
  readBodyRlp,
  readPruning,
  readReceipts,
  readReceiptsRlp,
  readRecoveryHash,
  readTxLookup,
  type Writer,
  writeBody,
  writeHeadBlockHash,
  writePruning,
  writeReceipts,
  writeRecoveryHash,
  writeTxLookup,
} from "#core/rawdb";
import type { CodeStore } from "#core/state";
import {
  type Block,
  type Body,
  encodeHeader,
  type Header,
  type Receipt,
  type Transaction,
} from "#core/types";
import type { PrecompileRunner, StateReader } from "#core/vm";
import type { Batch, KeyValueStore } from "#ethdb";
import type { Feed } from "#event";
import { type Clock, type Slice, turnsOf } from "#host";
import { type Logger, silentLogger } from "#log";
import type { ChainConfig, Genesis } from "#params";
import type { NodeStore } from "#trie";
import { ByteSet, equalBytes, GlimError, isError, LruByteMap } from "#util";
import { AsideBlocks, type AsideLimits } from "./aside-blocks.ts";
import { BadBlocks } from "./bad-blocks.ts";
import { BloomIndex } from "./bloom-index.ts";
import { type BuildOptions, type BuiltBlock, buildBlock } from "./build.ts";
import { CoreError, stateUnavailable } from "./errors.ts";
import { FastChain } from "./fast-chain.ts";
import { readStoredGenesis, setupGenesis, type StoredGenesis } from "./genesis.ts";
import type { HeadEvent, InsertResult } from "./head-event.ts";
import { HeaderChain, type StagedHeaders } from "./header-chain.ts";
import { limits } from "./limits.ts";
import { writeGenesisPreimages, writePreimages } from "./preimages.ts";
import { type Executed, processBlock, verifyBody, verifyUncles } from "./process.ts";
import { sendersAhead } from "./senders.ts";
import { type GcMode, StateStore } from "./state-store.ts";
import { type ExecutionWitness, makeWitness } from "./witness.ts";

export interface BlockChainOptions {
  readonly db: KeyValueStore;
  /** `stored`: go on with the chain that the database holds, as it was set up. */
  readonly genesis: Genesis | "stored";
  readonly engine: Engine;
  readonly clock: Pick<Clock, "unixSeconds" | "now" | "sleep">;
  readonly log?: Logger | undefined;
  /** Keep the addresses and slots that the state names by hash only (geth --cache.preimages). Default false. */
  readonly preimages?: boolean | undefined;
  /** What is kept of states; default `archive`: all. */
  readonly gcMode?: GcMode | undefined;
  /** Megabytes for the caches of states, as geth's --cache. Default 256. */
  readonly cacheMb?: number | undefined;
  /** Where precompiles run that take long, so that a block full of them holds up nothing else; default: in place. */
  readonly precompiles?: PrecompileRunner | undefined;
  /** How much of side branches is kept that were not executed; default: limits.asideBlocks and asideBytes. */
  readonly aside?: AsideLimits | undefined;
}

/** geth's is 1024, and 4096 on its main network. */
const DEFAULT_CACHE_MB = 256;
/**
 * How far before the head the states lie that are written at the end (core/blockchain.go:983@v1.11.6). In between, where
 * geth writes that of 127 blocks back and seldom, it is the head's every 128 blocks: a crash costs no more than these, and
 * the one before is there for reorgs.
 */
const AT_THE_END = [limits.recentStates - 1, 1, 0] as const;

/** A canonical transaction and where it is. */
export interface LocatedTransaction {
  readonly tx: Transaction;
  readonly header: Header;
  /** Place in the block, from 0. */
  readonly index: number;
}

/**
 * Headers, bodies, receipts and states: every one since the genesis, or those of recent blocks (`gcMode`). A block is
 * executed before it is believed. In an archive a reorg of any depth only moves the head; otherwise a branch that begins
 * below the recent states is put aside until it is the better chain, and then executed from the last state that is here.
 * Each block with its receipts, lookups and head pointer is one atomic write, in an archive with its state too: after a
 * crash the chain ends at some whole block. The state of a pruned chain's head may be lost then; the chain goes back to
 * the last block that has one, and `recover` executes forward from there.
 */
export class BlockChain {
  readonly headers: HeaderChain;
  readonly db: KeyValueStore;
  /** What fast sync writes, unseen until its pivot is committed. */
  readonly fast: FastChain;
  /** Finds blocks by the blooms of their headers. */
  readonly blooms: BloomIndex;
  readonly #clock: BlockChainOptions["clock"];
  readonly #log: Logger;
  /** BOUNDED: limits.bodyCache, by block hash. */
  readonly #bodies = new LruByteMap<Body>(limits.bodyCache);
  /** BOUNDED: limits.receiptsCache, by block hash. */
  readonly #receipts = new LruByteMap<readonly Receipt[]>(limits.receiptsCache);
  readonly #states: StateStore;
  readonly #aside: AsideBlocks;
  /** Results of blocks built here, so that inserting one does not execute it again. Lives as long as the block object. */
  readonly #built = new WeakMap<Block, Executed>();
  /** Bytes handed to the store since the last flush. BOUNDED: limits.unflushedBytes, and a block. */
  #unflushedBytes = 0;
  /** What is left until others have to be let run. */
  readonly #slice: Slice;
  /** Milliseconds of work on blocks since a state was last written, and how many there were. */
  #stateMs = 0;
  #stateBlocks = 0;
  /** After so many it is written: few at first, so that a process that is killed again and again gets ahead. */
  #stateEvery: number = limits.firstStates;
  /** Inserts run one after the other. */
  #queue: Promise<unknown> = Promise.resolve();
  readonly #keepsPreimages: boolean;
  readonly #precompiles: PrecompileRunner | undefined;
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
    this.#states = new StateStore({
      db,
      gcMode: options.gcMode ?? "archive",
      cacheMb: options.cacheMb ?? DEFAULT_CACHE_MB,
      write: (make) => this.#writeBatch(make),
    });
    this.#aside = new AsideBlocks({
      db,
      limits: options.aside,
      write: (make) => this.#writeBatch(make),
      remove: (blocks, batch) => this.#remove(blocks, batch),
    });
    this.#rewindToState();
    if (this.gcMode === "full" && !readPruning(db)) writePruning(db);
    this.#states.flat.open(this.head.stateRoot);
    // before anybody else hears of the head; it lives as long as the chain
    this.headers.headEvents.subscribe(({ header }) => this.#states.flat.moveTo(header.stateRoot));
    this.#keepsPreimages = options.preimages ?? false;
    this.#precompiles = options.precompiles;
    this.#slice = turnsOf(clock).slice();
    if (this.#keepsPreimages && genesis !== "stored") writeGenesisPreimages(db, genesis);
    const write = (make: () => Batch) => this.#writeBatch(make);
    this.blooms = new BloomIndex({ db, headers: this.headers, write });
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

  get gcMode(): GcMode {
    return this.#states.gcMode;
  }

  /** All trie nodes that are here, for #core/state and proofs. */
  get nodes(): NodeStore {
    return this.#states.nodes;
  }

  /** All codes by hash. */
  get codes(): CodeStore {
    return this.#states.codes;
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
    return this.#states.has(header.stateRoot);
  }

  /**
   * Which states are here: those of blocks from `since` on, of these only the last `recent` ones (0: all). Others may be
   * here too.
   */
  get servedStates(): { readonly since: number; readonly recent: number } {
    const since = this.fast.pivot;
    if (!readPruning(this.db)) return { since, recent: 0 };
    let recent = 0;
    for (; recent < limits.recentStates; recent++) {
      const header = this.headerByNumber(this.head.number - recent);
      // all back to the genesis: then there will be as many as are held
      if (header === undefined) return { since, recent: limits.recentStates };
      if (!this.hasState(header)) break;
    }
    return { since, recent: Math.max(1, recent) };
  }

  /** The state after that block. @throws CORE_STATE_UNAVAILABLE with geth's text when it was pruned */
  state(header: Pick<Header, "number" | "stateRoot">): StateReader {
    if (!this.hasState(header)) throw stateUnavailable(header);
    return this.#states.reader(header.stateRoot);
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
        const result = await this.#insertOne(block, options).catch((error: unknown) =>
          this.#bad.note(block, error),
        );
        if (result !== undefined) {
          total.added.push(...result.added);
          total.removed.push(...result.removed);
          total.imported++;
        }
        if (this.#unflushedBytes > limits.unflushedBytes) await this.#flushNow();
        await this.#worked(start);
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
    if (!this.hasState(parent)) await this.#enqueue(() => this.#regenerate(parent, {}));
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
   * Goes back to a canonical block; blocks above it stay as a side chain. A state that was pruned is made again. From a
   * block before the pivot of a fast sync, which never had one, it goes on to the genesis. @throws CORE_UNKNOWN_BLOCK
   */
  setHead(number: number): Promise<void> {
    return this.#enqueue(async () => {
      let at = this.headerByNumber(number);
      if (at !== undefined && at.number >= this.fast.pivot) await this.#regenerate(at, {});
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
      if (this.td(header.hash) === undefined) throw CoreError("UNKNOWN_BLOCK", { number: header.number });
      await this.#regenerate(header, {});
      const batch = this.db.batch();
      const staged = this.headers.stageCanonical(header, batch);
      this.#writeLookups(batch, staged, undefined);
      writeHeadBlockHash(batch, staged.head.hash);
      batch.write();
      this.headers.commit(staged);
    });
  }

  /**
   * Makes the state of a block be here, from the last one before it that is; it is kept as a recent one.
   * @throws CORE_STATE_UNAVAILABLE; CORE_REEXEC if more than `most` blocks would have to be executed
   */
  regenerate(header: Header, options: InsertOptions & { most?: number | undefined } = {}): Promise<void> {
    return this.#enqueue(() => this.#regenerate(header, options));
  }

  /**
   * Executes the blocks again whose states a crash took, and goes on to the head that was; or as far as it goes: what
   * cannot be executed any more is forgotten, to come from peers or a file again (geth's repair,
   * core/blockchain.go:613@v1.11.6). To be called once, before anything is inserted. A stop loses nothing: the next call
   * goes on.
   * @returns how many blocks came back
   * @throws what the signal says; DB_READ_FAILED, DB_WRITE_FAILED
   */
  recover(options: InsertOptions = {}): Promise<number> {
    return this.#enqueue(async () => {
      const from = this.head.number;
      try {
        await this.#recover(options);
      } catch (error) {
        const isDisk = isError(error, "DB_READ_FAILED") || isError(error, "DB_WRITE_FAILED");
        if (options.signal?.aborted === true || isDisk || isError(error, "DB_CLOSED")) throw error;
        this.#giveUpRecovery(from, error);
      }
      deleteRecoveryHash(this.db);
      return this.head.number - from;
    });
  }

  async #recover(options: InsertOptions): Promise<void> {
    const hash = readRecoveryHash(this.db);
    const lost = hash === undefined ? undefined : this.headerByHash(hash);
    if (lost === undefined || this.isCanonical(lost) || !this.headers.wouldLead(lost)) return;
    const fields = { from: this.head.number, to: lost.number };
    this.#log.info("executing blocks again whose state was not written", fields);
    await this.#regenerate(lost, options);
    this.#choose(lost);
  }

  /** Goes to the last block that came back, and forgets those after it. */
  #giveUpRecovery(from: number, error: unknown): void {
    const lost: AsidePlace[] = [];
    try {
      const hash = readRecoveryHash(this.db);
      let at = hash === undefined ? undefined : this.headerByHash(hash);
      for (; at !== undefined && !this.#isReady(at); at = this.headerByHash(at.parentHash))
        lost.push({ number: at.number, hash: at.hash });
      if (at !== undefined && !this.isCanonical(at) && this.headers.wouldLead(at)) this.#choose(at);
    } catch (damage) {
      this.#log.debug("no way to the head that was", { damage });
    }
    const fields = { from, to: this.head.number, lost: lost[0]?.number, error };
    this.#log.error(
      "blocks of the last run cannot be executed again and are forgotten: peers or an import bring them back; glim verify looks for damage",
      fields,
    );
    this.#forget(lost);
  }

  /**
   * What executing that block reads of the state before it; a state that was pruned is made again. Writes nothing.
   * @throws CORE_UNKNOWN_BLOCK for one without parent; CORE_STATE_UNAVAILABLE, CORE_REEXEC as `regenerate`
   */
  async witness(
    block: Block,
    options: { signal?: AbortSignal; most?: number } = {},
  ): Promise<ExecutionWitness> {
    const { headers: chain, nodes, codes } = this;
    const parent = block.header.number === 0 ? undefined : this.headerByHash(block.header.parentHash);
    if (parent === undefined) throw CoreError("UNKNOWN_BLOCK", { number: block.header.number - 1 });
    if (!this.hasState(parent)) await this.regenerate(parent, options);
    return makeWitness({ chain, nodes, codes, block, parent });
  }

  /** There is work for `maintain`. */
  get needsCare(): boolean {
    return this.blooms.isDue || this.#states.flat.isLost;
  }

  /**
   * Makes what helps to answer faster and is not there: sections of the bloom index, the flat state. Blocks are inserted
   * meanwhile. One call at a time.
   */
  async maintain({ signal }: InsertOptions = {}): Promise<void> {
    while (this.blooms.isDue) {
      signal?.throwIfAborted();
      await this.#enqueue(() => this.blooms.makeNext());
    }
    const { flat } = this.#states;
    if (!flat.isLost) return;
    const { stateRoot } = await this.#enqueue(async () => {
      await this.#persist([0]);
      return this.head;
    });
    this.#log.debug("the flat state is built");
    await flat.build(stateRoot, signal);
    flat.moveTo(this.head.stateRoot);
  }

  /** Resolves when every block inserted so far is on disk. Its state is only in an archive: see `persist`. */
  async flush(): Promise<void> {
    await this.#queue.catch(() => {});
    await this.#flushNow();
  }

  /**
   * Resolves when every block inserted so far is on disk and the state of the head too, so that it is the head after a
   * crash. `isLast`: other states as well, that make a reorg short after the next start.
   */
  persist({ isLast = false } = {}): Promise<void> {
    return this.#enqueue(async () => {
      await this.#persist(isLast ? AT_THE_END : [0]);
      await this.#flushNow();
    });
  }

  async #flushNow(): Promise<void> {
    this.#unflushedBytes = 0;
    await this.db.flush();
  }

  async #writeBatch(make: () => Batch): Promise<void> {
    const batch = make();
    this.#unflushedBytes += batch.sizeBytes;
    batch.write();
    if (this.#unflushedBytes > limits.unflushedBytes) await this.#flushNow();
    await this.#slice.giveWay();
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#queue.then(work, work);
    this.#queue = next.catch(() => {});
    return next;
  }

  /** After work on a block: lets others run, and writes a state when it is time or memory is short. */
  async #worked(start: number, written?: Header): Promise<void> {
    this.#stateMs += this.#clock.now() - start;
    this.#stateBlocks++;
    await this.#slice.giveWay();
    if (this.blooms.isDue) await this.blooms.makeNext();
    const isTime = this.#stateMs > limits.stateMs || this.#stateBlocks >= this.#stateEvery;
    if (written === undefined) {
      if (isTime || this.#states.isFull) await this.#persist([0]);
    } else if (isTime || this.#states.isShort) await this.#persistStates([written]);
  }

  /** Writes the states of canonical blocks that far below the head. */
  async #persist(depths: readonly number[]): Promise<void> {
    const headers = depths.map((depth) => this.headerByNumber(this.head.number - depth));
    await this.#persistStates(headers.flatMap((header) => header ?? []));
    await this.#states.flat.persist();
  }

  async #persistStates(headers: readonly Header[]): Promise<void> {
    this.#stateMs = 0;
    if (this.#stateBlocks >= this.#stateEvery)
      this.#stateEvery = Math.min(this.#stateEvery * 2, limits.recentStates);
    this.#stateBlocks = 0;
    await this.#states.persist(headers.map((header) => header.stateRoot));
  }

  /** A block that was executed here, or believed by a fast sync. */
  #isExecuted({ number, hash }: Pick<Header, "number" | "hash">): boolean {
    return this.#receipts.has(hash) || readReceiptsRlp(this.db, number, hash) !== undefined;
  }

  /** It can be built on. A state alone says nothing of a block that merely names it. */
  #isReady(header: Header): boolean {
    return this.hasState(header) && this.#isExecuted(header);
  }

  async #insertOne(block: Block, options: InsertOptions): Promise<InsertResult | undefined> {
    const { header } = block;
    const isKnown = this.headers.has(header.hash) && this.#isReadable(header);
    if (isKnown && this.#isExecuted(header) && (this.hasState(header) || header.number > this.fast.pivot)) {
      if (header.number === 0 || this.isCanonical(header) || !this.headers.wouldLead(header))
        return undefined;
      await this.#regenerate(header, options);
      return this.#choose(header);
    }
    this.headers.verify([header]);
    const parent = this.headerByHash(header.parentHash);
    // verify has just seen it
    if (parent === undefined) throw CoreError("UNKNOWN_BLOCK", { number: header.number - 1 });
    verifyUncles(this, block, this.#clock.unixSeconds());
    if (!this.#isReady(parent)) {
      if (parent.number < this.fast.pivot) throw stateUnavailable(parent);
      if (!this.headers.wouldLead(header)) return isKnown ? undefined : await this.#putAside(block);
      await this.#regenerate(parent, options);
    }
    return this.#write(block, this.#built.get(block) ?? (await this.#execute(block, parent)));
  }

  /** A block of a side chain that is stored and damaged is forgotten: the one that has come takes its place. */
  #isReadable(header: Header): boolean {
    if (this.isCanonical(header)) return true;
    try {
      return this.headerByHash(header.hash) !== undefined && this.body(header) !== undefined;
    } catch (error) {
      if (!isError(error, "RAWDB_CORRUPT") && !isError(error, "DB_CORRUPT")) throw error;
      this.#log.warn("a stored block is damaged and taken anew", { number: header.number, error });
      this.#forget([header]);
      return false;
    }
  }

  #execute(block: Block, parent: Header): Promise<Executed> {
    return processBlock({
      chain: this.headers,
      nodes: this.nodes,
      reader: this.state(parent),
      parent,
      block,
      precompiles: this.#precompiles,
      clock: this.#clock,
    });
  }

  /**
   * Stores a block of a branch whose states are not here; it is executed if the branch becomes the better chain.
   * @throws CORE_BODY_MISMATCH, CORE_ASIDE_FULL
   */
  async #putAside(block: Block): Promise<InsertResult> {
    const { header, transactions, uncles, withdrawals } = block;
    verifyBody(block);
    const batch = this.db.batch();
    writeBody(batch, header.number, header.hash, { transactions, uncles, withdrawals });
    const sizeBytes = batch.sizeBytes + encodeHeader(header).length;
    await this.#aside.makeRoom(header, header.parentHash, sizeBytes);
    const staged = this.headers.stage([header], batch);
    this.#aside.add(batch, header, header.parentHash, sizeBytes);
    this.#unflushedBytes += batch.sizeBytes;
    batch.write();
    this.headers.commit(staged);
    return staged;
  }

  /**
   * Executes the blocks from the last state before `target` up to it, so that its state is here.
   * @throws CORE_STATE_UNAVAILABLE when there is no way to it; CORE_EXECUTION_* for a bad block, which is forgotten
   */
  async #regenerate(
    target: Header,
    { signal, most = Number.POSITIVE_INFINITY }: InsertOptions & { most?: number | undefined },
  ): Promise<void> {
    const way: AsidePlace[] = [];
    let at = target;
    while (!this.#isReady(at)) {
      signal?.throwIfAborted();
      if (way.length === most) throw CoreError("REEXEC", { most });
      way.push({ number: at.number, hash: at.hash });
      const parent = this.headerByHash(at.parentHash);
      if (parent === undefined || at.number <= this.fast.pivot) throw stateUnavailable(target);
      at = parent;
      await this.#slice.giveWay();
    }
    for (let next = way.at(-1); next !== undefined; next = way.at(-1)) {
      signal?.throwIfAborted();
      const start = this.#clock.now();
      const header = this.headerByHash(next.hash);
      const block = header && this.block(header);
      if (block === undefined) throw stateUnavailable(target);
      await this.#executeAgain(block, at, way);
      at = block.header;
      way.pop();
      await this.#worked(start, at);
    }
  }

  /** `way`: the block, last, and those on top of it. */
  async #executeAgain(block: Block, parent: Header, way: readonly AsidePlace[]): Promise<void> {
    const { header } = block;
    const batch = this.db.batch();
    const executed = await this.#execute(block, parent).catch((error: unknown) => {
      const isBad = error instanceof GlimError && error.blame === "peer" && !this.#isExecuted(header);
      if (isBad) this.#forget(way);
      throw error;
    });
    writeReceipts(batch, header.number, header.hash, executed.receipts);
    this.#aside.drop(batch, header);
    this.#states.stage(batch, executed.update);
    this.#unflushedBytes += batch.sizeBytes;
    batch.write();
    this.#states.keep(header, executed.update);
    this.#states.release(this.head);
    if (this.#unflushedBytes > limits.unflushedBytes) await this.#flushNow();
  }

  /** Removes blocks that are not on the canonical chain. */
  #forget(blocks: readonly AsidePlace[]): void {
    const batch = this.db.batch();
    this.#remove(blocks, batch);
    for (const place of blocks) this.#aside.drop(batch, place);
    batch.write();
  }

  #remove(blocks: readonly AsidePlace[], batch: Batch): void {
    this.headers.remove(blocks, batch);
    for (const { number, hash } of blocks) {
      deleteBody(batch, number, hash);
      deleteReceipts(batch, number, hash);
      this.#bodies.delete(hash);
      this.#receipts.delete(hash);
    }
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
    this.#states.stage(batch, update);
    if (this.#keepsPreimages) writePreimages(batch, diff);
    const staged = this.headers.stage([header], batch);
    this.#writeLookups(batch, staged, { hash: header.hash, body });
    if (staged.added.length > 0) writeHeadBlockHash(batch, header.hash);
    this.#unflushedBytes += batch.sizeBytes;
    batch.write();
    this.#bodies.set(header.hash, body);
    this.#receipts.set(header.hash, receipts);
    this.#states.keep(header, update);
    const parent = this.headerByHash(header.parentHash);
    if (staged.added.length > 0 && parent !== undefined) this.#states.flat.advance(parent.stateRoot, update);
    this.headers.commit(staged);
    this.#states.release(this.head);
    return staged;
  }

  /** Makes a block the head that is here with its state and would lead. */
  #choose(header: Header): InsertResult | undefined {
    const batch = this.db.batch();
    const staged = this.headers.stage([header], batch);
    if (staged.added.length === 0) return undefined;
    this.#writeLookups(batch, staged, undefined);
    writeHeadBlockHash(batch, header.hash);
    batch.write();
    this.headers.commit(staged);
    this.#states.release(this.head);
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

  /** The head's state may be lost: in a crash if states are pruned, else with the disk. Goes back to a block that has it. */
  #rewindToState(): void {
    let at: Header | undefined = this.head;
    while (at !== undefined && !this.hasState(at)) at = this.headerByNumber(at.number - 1);
    if (at === undefined) throw CoreError("CORRUPT", { what: "no block of the chain has its state" });
    const lost = this.head;
    if (equalBytes(at.hash, lost.hash)) return;
    const fields = { from: lost.number, to: at.number };
    if (readPruning(this.db)) this.#log.info("the head's state was not written; going back", fields);
    else this.#log.warn("state of the head is missing; going back", fields);
    const batch = this.db.batch();
    const staged = this.headers.stageSetHead(at.number, batch);
    this.#writeLookups(batch, staged, undefined);
    writeHeadBlockHash(batch, at.hash);
    const before = readRecoveryHash(this.db);
    const beforeTd = before === undefined ? undefined : this.td(before);
    if (beforeTd === undefined || beforeTd < (this.td(lost.hash) ?? 0n)) writeRecoveryHash(batch, lost.hash);
    batch.write();
    this.headers.commit(staged);
  }
}

interface InsertOptions {
  readonly signal?: AbortSignal | undefined;
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
