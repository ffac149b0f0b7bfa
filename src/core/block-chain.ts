// long: the face of a full chain, behind which its parts are put together: see the list of files in index.ts
import type { Engine } from "#consensus";
import { readPruning, writePruning } from "#core/rawdb";
import type { CodeStore, TriesRunner } from "#core/state";
import type { Block, Body, Header, Receipt, Transaction } from "#core/types";
import type { PrecompileRunner, StateReader } from "#core/vm";
import type { Batch, KeyValueStore } from "#ethdb";
import type { Feed } from "#event";
import type { Clock } from "#host";
import { type Logger, silentLogger } from "#log";
import type { ChainConfig, Genesis } from "#params";
import type { NodeStore } from "#trie";
import { AsideBlocks, type AsideLimits } from "./aside-blocks.ts";
import { BadBlocks } from "./bad-blocks.ts";
import { BlockExecutor } from "./block-executor.ts";
import { BlockStore, type LocatedTransaction } from "./block-store.ts";
import { BloomIndex } from "./bloom-index.ts";
import type { BuildOptions, BuiltBlock } from "./build.ts";
import { CoreError } from "./errors.ts";
import { FastChain } from "./fast-chain.ts";
import { readStoredGenesis, setupGenesis, type StoredGenesis } from "./genesis.ts";
import type { HeadEvent, InsertResult } from "./head-event.ts";
import { HeaderChain } from "./header-chain.ts";
import { type InsertOptions, type InsertParts, insertBlocks } from "./insert-blocks.ts";
import { limits } from "./limits.ts";
import { writeGenesisPreimages } from "./preimages.ts";
import { recover, rewindToState } from "./recovery.ts";
import { regenerate, type RegenerateOptions } from "./regenerate.ts";
import { setCanonical, setHead } from "./set-head.ts";
import { type GcMode, StateStore } from "./state-store.ts";
import { Upkeep } from "./upkeep.ts";
import type { ExecutionWitness } from "./witness.ts";
import { WriteQueue } from "./write-queue.ts";

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
  /** Where the tries of large blocks are made, so that their hashing holds up nothing else; default: in place. */
  readonly tries?: TriesRunner | undefined;
  /** How much of side branches is kept that were not executed; default: limits.asideBlocks and asideBytes. */
  readonly aside?: AsideLimits | undefined;
}

/** geth's is 1024, and 4096 on its main network. */
const DEFAULT_CACHE_MB = 256;

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
  readonly #states: StateStore;
  readonly #blocks: BlockStore;
  readonly #queue: WriteQueue;
  readonly #upkeep: Upkeep;
  readonly #executor: BlockExecutor;
  readonly #bad = new BadBlocks();
  /** All of them, for whoever changes the chain within a job of the queue. */
  readonly #parts: InsertParts;

  /**
   * Opens the chain in `db`, writing the genesis into an empty one.
   * @throws CORE_GENESIS_MISMATCH, CORE_CONFIG_MISMATCH, CORE_CORRUPT, RAWDB_SCHEMA
   * @throws CORE_NO_CHAIN when the stored chain is asked for and there is none
   */
  constructor(options: BlockChainOptions) {
    const {
      db,
      engine,
      clock,
      log = silentLogger,
      precompiles,
      tries,
      preimages: keepsPreimages = false,
    } = options;
    const { header: genesis, config } = openGenesis(db, options.genesis);
    this.db = db;
    const queue = (this.#queue = new WriteQueue(db, clock));
    const write = (make: () => Batch) => queue.writePaced(make);
    const headers = (this.headers = new HeaderChain({ db, config, engine, genesis, clock, log }));
    const { gcMode = "archive", cacheMb = DEFAULT_CACHE_MB } = options;
    const states = (this.#states = new StateStore({ db, gcMode, cacheMb, write }));
    const blocks = (this.#blocks = new BlockStore({ db, headers }));
    const aside = new AsideBlocks({ db, headers, blocks, queue, limits: options.aside });
    rewindToState({ db, headers, blocks, states, queue, log });
    if (gcMode === "full" && !readPruning(db)) writePruning(db);
    states.flat.open(this.head.stateRoot);
    // before anybody else hears of the head; it lives as long as the chain
    headers.headEvents.subscribe(({ header }) => states.flat.moveTo(header.stateRoot));
    if (keepsPreimages && options.genesis !== "stored") writeGenesisPreimages(db, options.genesis);
    const blooms = (this.blooms = new BloomIndex({ db, headers, write }));
    const upkeep = (this.#upkeep = new Upkeep({ headers, states, blooms, queue, clock, log }));
    const executor = (this.#executor = new BlockExecutor({ headers, states, clock, precompiles, tries }));
    const fast = (this.fast = new FastChain({
      ...{ db, headers, write },
      hasState: (at) => this.hasState(at),
      enqueue: (work) => queue.run(work),
    }));
    this.#parts = {
      ...{ chain: this, db, headers, blocks, states, aside, fast, executor, queue, upkeep },
      ...{ bad: this.#bad, keepsPreimages, clock, log },
    };
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
    return this.#blocks.body(header);
  }

  /** The body as it goes over the wire. */
  bodyRlp(header: Pick<Header, "number" | "hash">): Uint8Array | undefined {
    return this.#blocks.bodyRlp(header);
  }

  block(header: Header): Block | undefined {
    return this.#blocks.block(header);
  }

  receipts(header: Pick<Header, "number" | "hash">): readonly Receipt[] | undefined {
    return this.#blocks.receipts(header);
  }

  /** The receipts of a block as they go over the wire: a list. */
  receiptsRlp(header: Pick<Header, "number" | "hash">): Uint8Array | undefined {
    return this.#blocks.receiptsRlp(header);
  }

  /** A transaction of the canonical chain. */
  transaction(hash: Uint8Array): LocatedTransaction | undefined {
    return this.#blocks.transaction(hash);
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
    return this.#states.reader(header);
  }

  /**
   * Verifies, executes and stores blocks, ascending, each the child of one that is known. What came before a bad
   * block stays. Calls are queued: blocks of two callers never mix.
   * @throws CONSENSUS_*, the engine's, CORE_BODY_MISMATCH, CORE_EXECUTION_FAILED, CORE_EXECUTION_MISMATCH: `data.number`
   *   names the block
   */
  insertBlocks(blocks: readonly Block[], options: InsertOptions = {}): Promise<InsertResult> {
    return this.#queue.run(() => insertBlocks(this.#parts, blocks, options));
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
    if (!this.hasState(parent)) await this.regenerate(parent);
    return this.#executor.build(parent, transactions, options);
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
    return this.#queue.run(() => setHead(this.#parts, number));
  }

  /**
   * Makes a stored block with its state the head, whatever fork choice says: for who is told the head from outside, as a
   * consensus layer does after the merge. @throws CORE_UNKNOWN_BLOCK, CORE_STATE_UNAVAILABLE
   */
  setCanonical(header: Header): Promise<void> {
    return this.#queue.run(() => setCanonical(this.#parts, header));
  }

  /**
   * Makes the state of a block be here, from the last one before it that is; it is kept as a recent one.
   * @throws CORE_STATE_UNAVAILABLE; CORE_REEXEC if more than `most` blocks would have to be executed
   */
  regenerate(header: Header, options: RegenerateOptions = {}): Promise<void> {
    return this.#queue.run(() => regenerate(this.#parts, header, options));
  }

  /**
   * Executes the blocks again whose states a crash took. To be called once, before anything is inserted; a stop loses
   * nothing: the next call goes on. See recovery.ts.
   * @returns how many blocks came back
   * @throws what the signal says; DB_READ_FAILED, DB_WRITE_FAILED, DB_CLOSED
   */
  recover({ signal }: InsertOptions = {}): Promise<number> {
    return this.#queue.run(() => recover(this.#parts, signal));
  }

  /**
   * What executing that block reads of the state before it; a state that was pruned is made again. Writes nothing.
   * @throws CORE_UNKNOWN_BLOCK for one without parent; CORE_STATE_UNAVAILABLE, CORE_REEXEC as `regenerate`
   */
  async witness(
    block: Block,
    options: { signal?: AbortSignal; most?: number } = {},
  ): Promise<ExecutionWitness> {
    const parent = block.header.number === 0 ? undefined : this.headerByHash(block.header.parentHash);
    if (parent === undefined) throw CoreError("UNKNOWN_BLOCK", { number: block.header.number - 1 });
    if (!this.hasState(parent)) await this.regenerate(parent, options);
    return this.#executor.witness(block, parent);
  }

  /** There is work for `maintain`. */
  get needsCare(): boolean {
    return this.#upkeep.isDue;
  }

  /**
   * Makes what helps to answer faster and is not there: sections of the bloom index, the flat state. Blocks are inserted
   * meanwhile. One call at a time.
   */
  maintain(options: InsertOptions = {}): Promise<void> {
    return this.#upkeep.maintain(options);
  }

  /** Resolves when every block inserted so far is on disk. Its state is only in an archive: see `persist`. */
  async flush(): Promise<void> {
    await this.#queue.idle();
    await this.#queue.flush();
  }

  /**
   * Resolves when every block inserted so far is on disk and the state of the head too, so that it is the head after a
   * crash. `isLast`: other states as well, that make a reorg short after the next start.
   */
  persist(options: { isLast?: boolean } = {}): Promise<void> {
    return this.#queue.run(async () => {
      await this.#upkeep.persist(options);
      await this.#queue.flush();
    });
  }
}

function openGenesis(db: KeyValueStore, genesis: Genesis | "stored"): StoredGenesis {
  if (genesis !== "stored") return { header: setupGenesis(db, genesis), config: genesis.config };
  const stored = readStoredGenesis(db);
  if (stored === undefined) throw CoreError("NO_CHAIN");
  return stored;
}
