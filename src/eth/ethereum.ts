// long: the service: everything a full node is made of is put together and taken apart here, in one order
import { checkRequired, type Engine, requireBlocks, type RequiredBlocks, type Signer } from "#consensus";
import { BlockChain, type BloomMatches, type GcMode, type HeadEvent } from "#core";
import { TxJournal, TxPool, type TxPoolLimits } from "#core/txpool";
import { genesisBlock, proveAccount, proveStorage, TriesThread } from "#core/state";
import {
  type Block,
  type Body,
  emptyCodeHash,
  type Header,
  type Receipt,
  type Transaction,
} from "#core/types";
import { type Account, loadVm, PrecompileThreads, type StateDiff, type StateReader } from "#core/vm";
import {
  type AccountProof,
  type Backend,
  type CallContext,
  createEthApi,
  type EthApi,
  type FoundTransaction,
  type SyncProgress,
} from "#ethapi";
import { Downloader } from "#eth/downloader";
import { BlockFetcher, TxFetcher } from "#eth/fetcher";
import type { KeyValueStore } from "#ethdb";
import { Feed } from "#event";
import { meterHeads, type Service, type ServiceContext, type Vitals } from "#node";
import type { Protocol } from "#p2p";
import { type ChainConfig, type Genesis, rulesAt } from "#params";
import type { Api } from "#rpc";
import { emptyRoot } from "#trie";
import { deferred, equalBytes } from "#util";
import { MOST_EXECUTED, nodeControls } from "./controls.ts";
import { admitFakePow, makeEngine } from "./engine.ts";
import { EthError } from "./errors.ts";
import { ImaginedState } from "./imagined-state.ts";
import { ProtocolManager } from "./protocol-manager/protocol-manager.ts";
import { ethProtocols, offeredVersions } from "./protocol-manager/protocols.ts";
import { Sealer } from "./sealer.ts";

export interface EthereumOptions {
  readonly genesis: Genesis;
  /** Default: the genesis' chain id. */
  readonly networkId?: bigint | number | undefined;
  /** `full` (default): every block is executed. `fast`: an empty chain takes the state of a recent block from peers instead. */
  readonly syncMode?: "full" | "fast" | undefined;
  /** What is kept of states. `archive` (default): every one; `full`: those of the last 128 blocks, as `glim node` does. */
  readonly gcMode?: GcMode | undefined;
  /** Megabytes for the caches of states and of the database. Default 256. */
  readonly cacheMb?: number | undefined;
  /** Peers of the eth protocol; default: p2p.maxPeers. */
  readonly maxPeers?: number | undefined;
  /**
   * Whose rules blocks keep. `auto`, the default, reads it from the genesis: clique, or ethash, and the rules after the
   * merge where a terminal total difficulty is set. `clique` refuses a genesis without it. Only clique seals here.
   */
  readonly engine?: "auto" | "clique" | Engine | undefined;
  /** Blocks of ethash are taken without a seal that holds: for test chains. Not with an engine of one's own, nor the main network. */
  readonly fakePow?: boolean | undefined;
  /** Blocks the chain must have, by number; another chain is taken from nobody, and refused at start. */
  readonly requiredBlocks?: RequiredBlocks | undefined;
  /** Seals blocks with this signer; absent: blocks come from elsewhere (`chain.insertBlocks`, import). */
  readonly sealer?: Signer | undefined;
  /** Called once in start, with the chain open and before sealing begins: to import blocks, or to make some. */
  readonly prepare?: ((chain: BlockChain) => Promise<void>) | undefined;
  /** Bounds and prices of the transaction pool; each has geth's default. */
  readonly txPool?: Partial<TxPoolLimits> | undefined;
  /** Keep the addresses and slots that the state names by hash only: debug_dumpBlock and others then know them. */
  readonly preimages?: boolean | undefined;
  /** JavaScript tracers for callers over HTTP and WebSocket too; default: over IPC and in process only. */
  readonly jsTracers?: boolean | undefined;
  /** Seconds between sealed blocks; default: the genesis' clique period. */
  readonly period?: number | undefined;
}

/** Code that says who answers in an account's place (EIP-7702): 0xef0100 and an address. */
const isDelegation = (code: Uint8Array | undefined) =>
  code?.length === 23 && code[0] === 0xef && code[1] === 0x01 && code[2] === 0x00;

const DEFAULT_CACHE_MB = 256;
const MB = 1024 * 1024;
/** Of the caches' memory, for LevelDB's blocks (geth --cache.database has 50; the operating system keeps files besides). */
const DATABASE_SHARE = 0.125;
/** attacks-and-faults §3.2 */
const DEFAULT_MAX_PEERS = 50;
/** Crashes within 10 minutes after which what is loaded at a start is no longer trusted (ST-09). */
const MOST_CRASHES = 3;
const emptyAccount: Account = { nonce: 0n, balance: 0n, storageRoot: emptyRoot, codeHash: emptyCodeHash };

/**
 * The service that owns a full chain: blocks, states, the transaction pool, sealing, and the eth protocol: it
 * synchronises with peers and serves them. It is the backend of the eth_ namespace and of a `LesServer`.
 */
export class Ethereum implements Service, Backend {
  readonly kind = "full";
  readonly protocols: readonly Protocol[];
  readonly headEvents: Feed<HeadEvent>;
  readonly networkId: bigint;
  readonly #options: EthereumOptions;
  readonly #context: ServiceContext;
  readonly #pool: TxPool;
  readonly #api: EthApi;
  /** For the blocks; calls have their own, so that they do not wait for each other. */
  readonly #precompiles: PrecompileThreads | undefined;
  readonly #tries: TriesThread | undefined;
  #chain: BlockChain | undefined;
  #db: KeyValueStore | undefined;
  #sealer: Sealer | undefined;
  #manager: ProtocolManager | undefined;
  /** Peers may come in. */
  readonly #ready = deferred<void>();
  #subscription: Disposable | undefined;
  readonly #stopping = new AbortController();
  /** Runs while an index is made. */
  #caring: Promise<void> | undefined;

  constructor(context: ServiceContext, options: EthereumOptions) {
    this.#context = context;
    this.#options = options;
    this.networkId = BigInt(options.networkId ?? options.genesis.config.chainId);
    this.headEvents = new Feed<HeadEvent>((error) =>
      context.log.error("listener of head events failed", { error }),
    );
    meterHeads(this.headEvents, context.metrics);
    this.#pool = this.#makePool();
    const { clock, threads } = context.host;
    this.#precompiles = threads === undefined ? undefined : new PrecompileThreads({ clock, threads });
    this.#tries = threads === undefined ? undefined : new TriesThread({ clock, threads });
    const fastSync = options.syncMode === "fast";
    const { config } = options.genesis;
    this.protocols = ethProtocols({ config, fastSync }, () => this.#manager, this.#ready.promise);
    const controls = nodeControls({
      pool: this.#pool,
      chain: () => this.chain,
      sealer: () => this.#sealer,
      etherbase: options.sealer?.address,
      isClique: options.genesis.config.clique !== undefined && typeof (options.engine ?? "auto") === "string",
      hasWork:
        options.genesis.config.clique === undefined &&
        options.genesis.config.terminalTotalDifficulty === undefined,
      dataDir: context.isEphemeral ? "" : context.config.dataDir,
    });
    this.#api = createEthApi(this, {
      host: context.host,
      log: context.log,
      controls,
      accounts: context.accountManager,
      limits: { jsTracers: options.jsTracers ?? false },
    });
  }

  get apis(): readonly Api[] {
    return this.#api.apis;
  }

  /** The chain. @throws ETH_NOT_STARTED before start */
  get chain(): BlockChain {
    if (this.#chain === undefined) throw EthError("NOT_STARTED");
    return this.#chain;
  }

  get chainConfig(): ChainConfig {
    return this.#options.genesis.config;
  }

  get chainId(): bigint {
    return this.#options.genesis.config.chainId;
  }

  get pendingEvents(): Feed<Transaction> {
    return this.#pool.added;
  }

  /**
   * Opens the chain (writing the genesis into an empty database) and begins to seal, if it has a signer. A stop of the node
   * meanwhile ends it between two blocks that are executed again.
   */
  async start(): Promise<void> {
    const { genesis, sealer: signer, fakePow } = this.#options;
    const { host, log } = this.#context;
    if (fakePow === true) admitFakePow(genesisBlock(genesis).header.hash, log);
    const { gcMode, cacheMb = DEFAULT_CACHE_MB, preimages } = this.#options;
    const cacheBytes = Math.ceil(cacheMb * DATABASE_SHARE * MB);
    const db = await this.#context.openDatabase("chaindata", { cacheBytes });
    this.#db = db;
    const engine = this.#makeEngine(db);
    const chain = new BlockChain({
      ...{ db, genesis, engine, gcMode, cacheMb, preimages },
      ...{ clock: host.clock, log, precompiles: this.#precompiles, tries: this.#tries },
    });
    this.#chain = chain;
    for (const number of this.#options.requiredBlocks?.keys() ?? []) {
      const header = chain.headerByNumber(number);
      if (header !== undefined) checkRequired(header, this.#options.requiredBlocks ?? new Map());
    }
    await chain.recover({ signal: this.#context.cancelled });
    await loadVm();
    this.#subscription = chain.headEvents.subscribe((event) => {
      this.#pool.reset(event, (header) => chain.body(header)?.transactions ?? []);
      this.headEvents.send(event);
      this.#maintain();
    });
    await this.#quarantineJournal();
    await this.#pool.start();
    const before = chain.head;
    await this.#options.prepare?.(chain);
    const manager = this.#makeManager(chain, !equalBytes(chain.head.hash, before.hash));
    this.#manager = manager;
    manager.start();
    this.#ready.resolve();
    this.#maintain();
    if (signer === undefined) return;
    const period = this.#options.period ?? genesis.config.clique?.period ?? 0;
    const onSealed = (block: Block) => manager.broadcastMined(block);
    this.#sealer = new Sealer({ chain, pool: this.#pool, signer, period, onSealed, host, log });
    this.#sealer.start();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#caring;
    await this.#api.close();
    await this.#sealer?.stop();
    await this.#manager?.stop();
    this.#subscription?.[Symbol.dispose]();
    if (this.#chain !== undefined) await this.#pool.stop();
    await this.#chain?.persist({ isLast: true });
    await this.#precompiles?.[Symbol.asyncDispose]();
    await this.#tries?.[Symbol.asyncDispose]();
    await this.#chain?.engine.close?.();
    await this.#db?.close();
  }

  head(): Header {
    return this.chain.head;
  }

  headerByNumber(number: number): Header | undefined {
    return this.chain.headerByNumber(number);
  }

  headerByHash(hash: Uint8Array): Header | undefined {
    return this.chain.headerByHash(hash);
  }

  isCanonical(header: Header): boolean {
    return this.chain.isCanonical(header);
  }

  totalDifficulty(header: Header): bigint | undefined {
    return this.chain.td(header.hash);
  }

  async body(header: Header): Promise<Body> {
    return this.#stored(this.chain.body(header), "body", header);
  }

  async receipts(header: Header): Promise<readonly Receipt[]> {
    return this.#stored(this.chain.receipts(header), "receipts", header);
  }

  matchBlooms(clauses: readonly (readonly Uint8Array[])[], first: number, last: number): BloomMatches {
    return this.chain.blooms.match(clauses, first, last);
  }

  state(header: Header): StateReader {
    return this.chain.state(header);
  }

  async regeneratedState(header: Header, ctx: CallContext): Promise<StateReader> {
    const { chain } = this;
    if (!chain.hasState(header)) await chain.regenerate(header, { signal: ctx.signal, most: MOST_EXECUTED });
    return chain.state(header);
  }

  async prove(header: Header, address: Uint8Array, slots: readonly Uint8Array[]): Promise<AccountProof> {
    const { nodes } = this.chain;
    const reader = this.chain.state(header);
    const account = (await reader.account(address)) ?? emptyAccount;
    const storageProof = [];
    for (const key of slots)
      storageProof.push({
        key,
        value: await reader.storage(address, key),
        proof: proveStorage(nodes, account.storageRoot, key),
      });
    return { ...account, accountProof: proveAccount(nodes, header.stateRoot, address), storageProof };
  }

  imaginedRoot(header: Header): (diff: StateDiff) => Uint8Array {
    const state = new ImaginedState(this.chain, header.stateRoot);
    return (diff) => state.add(diff);
  }

  async findTransaction(hash: Uint8Array): Promise<FoundTransaction | undefined> {
    const located = this.chain.transaction(hash);
    if (located !== undefined) return located;
    const tx = this.#pool.get(hash);
    return tx === undefined ? undefined : { tx };
  }

  /** Takes a signed transaction of this node's own user into the pool. @throws TXPOOL_* with geth's text */
  async sendTransaction(tx: Transaction, _ctx?: CallContext): Promise<void> {
    await this.#pool.add(tx, { local: true });
  }

  /** Takes a transaction that a stranger relayed: a light client, a peer. @throws TXPOOL_* with geth's text */
  async relayTransaction(tx: Transaction): Promise<void> {
    await this.#pool.add(tx);
  }

  pendingTransactions(): readonly Transaction[] {
    return this.#pool.all();
  }

  /** The transaction pool. */
  get txPool(): TxPool {
    return this.#pool;
  }

  /** A transaction that waits here. */
  pendingTransaction(hash: Uint8Array): Transaction | undefined {
    return this.#pool.get(hash);
  }

  syncing(): SyncProgress | undefined {
    return this.#manager?.syncing;
  }

  /** For health probes and gauges. */
  vitals(): Vitals | undefined {
    if (this.#chain === undefined) return undefined;
    const { number, time } = this.#chain.head;
    const progress = this.syncing();
    const { pending, queued } = this.#pool.stats();
    return {
      head: { number, ageSeconds: Math.max(0, this.#context.host.clock.unixSeconds() - time) },
      syncing: progress && { current: progress.currentBlock, highest: progress.highestBlock },
      needsPeers: this.#options.sealer === undefined,
      figures: { pool_pending: pending, pool_queued: queued },
    };
  }

  /** Peers, sync and gossip. @throws ETH_NOT_STARTED before start */
  get protocolManager(): ProtocolManager {
    if (this.#manager === undefined) throw EthError("NOT_STARTED");
    return this.#manager;
  }

  author(header: Header): Uint8Array | undefined {
    return header.number === 0 ? undefined : this.chain.engine.author(header);
  }

  isMining(): boolean {
    return this.#sealer?.isRunning ?? false;
  }

  get protocolVersion(): number {
    return Math.max(...offeredVersions(this.chainConfig, { fastSync: false }));
  }

  coinbase(): Uint8Array | undefined {
    return this.#options.sealer?.address;
  }

  #maintain(): void {
    const { signal } = this.#stopping;
    if (this.#caring !== undefined || signal.aborted || !this.chain.needsCare) return;
    this.#caring = this.chain
      .maintain({ signal })
      .catch((error: unknown) => {
        if (!signal.aborted) this.#context.log.error("an index of the chain is not made", { error });
      })
      .finally(() => {
        this.#caring = undefined;
      });
  }

  #makeEngine(db: KeyValueStore): Engine {
    return requireBlocks(this.#rulesOf(db), this.#options.requiredBlocks ?? new Map());
  }

  #rulesOf(db: KeyValueStore): Engine {
    const { engine = "auto", genesis, sealer, fakePow } = this.#options;
    if (typeof engine !== "string") return engine;
    const isCliqueNeeded = engine === "clique" || sealer !== undefined;
    if (isCliqueNeeded && genesis.config.clique === undefined) throw EthError("NEEDS_CLIQUE");
    return makeEngine(genesis.config, db, { fakePow });
  }

  #makeManager(chain: BlockChain, hasSynced: boolean): ProtocolManager {
    const { host, log, config } = this.#context;
    const { syncMode, maxPeers = config.p2p.maxPeers ?? DEFAULT_MAX_PEERS, sealer } = this.#options;
    const { clock, rand } = host;
    return new ProtocolManager({
      ...{ chain, pool: this.#pool, networkId: this.networkId, maxPeers, host, log },
      fastSync: syncMode === "fast",
      acceptTxs: sealer !== undefined,
      hasSynced,
      downloader: new Downloader({ chain, clock, rand, log }),
      makeBlockFetcher: (hooks) => new BlockFetcher(hooks, { clock, rand, log }),
      makeTxFetcher: (hooks) => new TxFetcher(hooks, { clock, rand, log }),
    });
  }

  /** Crash after crash: the transactions kept on disk may be the cause, so they are put aside, once (ST-09). */
  async #quarantineJournal(): Promise<void> {
    const { recentCrashes, host, log, isEphemeral } = this.#context;
    if (isEphemeral || recentCrashes < MOST_CRASHES) return;
    const path = this.#context.resolvePath("transactions.rlp");
    const bytes = await host.files.readFile(path);
    if (bytes === undefined) return;
    await host.files.writeFileAtomic(`${path}.quarantined`, bytes);
    await host.files.remove(path);
    log.warn("crashed again and again: the kept local transactions are put aside", {
      path: `${path}.quarantined`,
    });
  }

  #makePool(): TxPool {
    const { host, log, isEphemeral } = this.#context;
    const path = this.#context.resolvePath("transactions.rlp");
    return new TxPool({
      head: () => this.#poolHead(),
      clock: host.clock,
      limits: this.#options.txPool,
      journal: isEphemeral ? undefined : new TxJournal(path, host.files, log),
      log,
    });
  }

  #poolHead() {
    const { head } = this.chain;
    const reader = this.chain.state(head);
    return {
      gasLimit: head.gasLimit,
      rules: rulesAt(this.chainConfig, { ...head, number: head.number + 1 }),
      account: (address: Uint8Array) => {
        const account = reader.account(address);
        if (account instanceof Promise) throw new TypeError("the state of a full chain answers at once");
        if (account === undefined || equalBytes(account.codeHash, emptyCodeHash))
          return account ?? emptyAccount;
        return { ...account, isContract: !isDelegation(this.chain.codes.get(account.codeHash)) };
      },
    };
  }

  #stored<T>(value: T | undefined, what: string, header: Header): T {
    // whole blocks are written at once, so a known header without its parts is damage
    if (value === undefined) throw new Error(`the database has no ${what} of block ${header.number}`);
    return value;
  }
}
