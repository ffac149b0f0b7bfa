// long: peers, sync and gossip of one node, whose order of start and stop is the point
import { type BlockChain, verifyBody } from "#core";
import type { Block, Header, Transaction } from "#core/types";
import type { DownloaderDoor } from "#eth/downloader";
import type { BlockFetcherDoor, BlockFetcherHooks, TxFetcherDoor, TxFetcherHooks } from "#eth/fetcher";
import {
  checkTd,
  type EthHandlers,
  EthPeer,
  EthProtocolError,
  type EthVersion,
  type Lazy,
  type NewBlock,
} from "#eth/protocols";
import type { Logger } from "#log";
import type { MsgReadWriter, Peer, Protocol } from "#p2p";
import { formatChainConfig } from "#params";
import { GlimError, toHex } from "#util";
import { addSlowly } from "./add-slowly.ts";
import { Bursts } from "./bursts.ts";
import { announceBlock, broadcastTransactions, propagateBlock } from "./broadcast.ts";
import { ChainSync } from "./chain-sync.ts";
import type { OurHead } from "./lead.ts";
import { managerLimits as limits } from "./limits.ts";
import { PeerSet } from "./peer-set.ts";
import type { ManagedPool, ProtocolManagerOptions } from "./options.ts";
import { ethProtocols } from "./protocols.ts";
import { TxSync } from "./tx-sync.ts";

/**
 * The eth side of a full node: one `Protocol` for each version, the peers, what is told to whom, what announcements lead to.
 *
 *   peer joins → handshake → registered (set, downloader) → the pool is told → messages … → unregistered
 *   pool.txEvents → transactions to √n, hashes to the rest;  broadcastMined → block to max(4, √n), hash to the rest
 *   start(): from then on peers are taken.  stop(): no more peers, sync ended, peers told, everything waited for
 *
 * @see geth eth/handler.go:66@v1.8.27 (seed: ProtocolManager)
 */
export class ProtocolManager {
  readonly networkId: bigint;
  readonly chain: BlockChain;
  readonly pool: ManagedPool;
  readonly maxPeers: number;
  readonly downloader: DownloaderDoor;
  readonly fetcher: BlockFetcherDoor;
  readonly txFetcher: TxFetcherDoor;
  readonly peers = new PeerSet();
  /** One for each version, newest first. */
  readonly protocols: readonly Protocol[];
  readonly #host: ProtocolManagerOptions["host"];
  readonly #log: Logger;
  readonly #chainSync: ChainSync;
  readonly #txSync: TxSync;
  readonly #subscriptions: Disposable[] = [];
  /** Connections at work, for stop to wait for. */
  readonly #running = new Map<EthPeer, Promise<void>>();
  readonly #newTxs: Bursts<Transaction>;
  #fastSync: boolean;
  #acceptTxs: boolean;
  #hasSynced = false;
  #hasToldOfIgnoredTxs = false;
  #isStarted = false;
  /** Head that eth/69 peers were last told of. */
  #toldRange: number;
  #stopping: Promise<void> | undefined;

  constructor(options: ProtocolManagerOptions) {
    const { chain, pool, networkId, maxPeers, downloader, host, log } = options;
    this.chain = chain;
    this.pool = pool;
    this.networkId = networkId;
    this.maxPeers = maxPeers;
    this.downloader = downloader;
    this.#host = host;
    this.#log = log;
    this.#fastSync = (options.fastSync ?? false) && chain.head.number === 0;
    const { acceptTxs = false } = options;
    // after the merge no block comes from peers that could end the wait, so whoever has a chain does not wait
    this.#acceptTxs = acceptTxs || (!this.#fastSync && chain.head.number > 0 && this.#isMerged());
    this.#hasSynced = acceptTxs || maxPeers === 0 || (options.hasSynced ?? false);
    this.#toldRange = chain.head.number;
    this.fetcher = options.makeBlockFetcher(this.#blockHooks());
    this.txFetcher = options.makeTxFetcher(this.#txHooks());
    this.#txSync = new TxSync(host.rand);
    this.#newTxs = new Bursts(host.clock, limits.txBurstMs, (txs) =>
      broadcastTransactions(this.peers, host.rand, txs),
    );
    this.#chainSync = new ChainSync({
      peers: this.peers,
      downloader,
      ...host,
      log,
      ours: () => this.#ours(),
      mode: () => (this.#fastSync ? "fast" : "full"),
      onSynced: (head) => this.#synced(head),
      onLevel: () => this.#level(),
    });
    this.protocols = ethProtocols(
      { config: chain.config, fastSync: this.#fastSync, versions: options.versions },
      () => this,
    );
  }

  /** Fast sync is on; goes off with the first completed cycle. */
  get fastSync(): boolean {
    return this.#fastSync;
  }

  /** Transactions of peers are taken: a sync has completed, a block was imported, this node seals (Trap 19), or it has merged blocks. */
  get acceptTxs(): boolean {
    return this.#acceptTxs;
  }

  /**
   * How far the first synchronisation has come, from the start until a cycle has ended or a peer turned out to have no more than we (Trap 21);
   * later, how far a running one has. undefined: nothing to catch up with.
   */
  get syncing():
    | { readonly startingBlock: number; readonly currentBlock: number; readonly highestBlock: number }
    | undefined {
    const { progress } = this.downloader;
    if (progress !== undefined || this.#hasSynced) return progress;
    const { number } = this.chain.head;
    const highestBlock = Math.max(number, this.#chainSync.best()?.head.number ?? 0);
    return { startingBlock: number, currentBlock: number, highestBlock };
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#subscriptions.push(
      this.pool.txEvents.subscribe((txs) => this.#newTxs.add(txs)),
      this.chain.headEvents.subscribe(({ header }) => {
        this.fetcher.headChanged();
        this.#tellRange(header);
      }),
    );
    this.#chainSync.start();
    // ethash makes its cache now, so that the first block of a peer does not wait for it
    const { head, headers, engine } = this.chain;
    void engine.checkSeals?.(headers, [{ header: head, uncles: [] }], {});
  }

  /** Resolves when nothing of it runs any more. A second call waits for the first. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]();
    this.#newTxs.stop();
    this.peers.close();
    for (const peer of this.#running.keys()) peer.drop(EthProtocolError("QUITTING"));
    this.#txSync.stop();
    await this.#chainSync.stop();
    await Promise.all([this.fetcher.stop(), this.txFetcher.stop()]);
    await Promise.allSettled(this.#running.values());
  }

  /** This node has sealed a block and put it into its chain: whole to some, its hash to the rest. */
  broadcastMined(block: Block): void {
    this.#acceptTxs = true;
    this.#hasSynced = true;
    this.#propagate(block);
    this.#announce(block);
  }

  /** One connection, from its handshake to its end. @throws ETHP_*, P2P_*, RLP_* */
  async runPeer(version: EthVersion, peer: Peer, rw: MsgReadWriter, signal: AbortSignal): Promise<void> {
    const eth = this.newPeer(peer, rw, version);
    const running = this.#run(eth, signal);
    this.#running.set(eth, running);
    try {
      await running;
    } finally {
      this.#running.delete(eth);
    }
  }

  /** admin_peers; undefined while the handshake runs. */
  peerInfo(id: string): unknown {
    return this.peers.get(id)?.info();
  }

  newPeer(peer: Peer, rw: MsgReadWriter, version: EthVersion): EthPeer {
    return new EthPeer({ peer, rw, version, clock: this.#host.clock, backend: this });
  }

  /** admin_nodeInfo. @see geth eth/handler.go:780@v1.8.27 */
  nodeInfo(): Readonly<Record<string, unknown>> {
    const { head, genesis, config } = this.chain;
    return {
      network: Number(this.networkId),
      difficulty: this.#td(),
      genesis: toHex(genesis.hash),
      config: formatChainConfig(config),
      head: toHex(head.hash),
    };
  }

  async #run(peer: EthPeer, signal: AbortSignal): Promise<void> {
    if (!this.#isStarted || this.#stopping !== undefined) throw EthProtocolError("QUITTING");
    this.peers.checkRoom(peer.peer, this.maxPeers);
    await peer.handshake(this.networkId);
    this.peers.checkRoom(peer.peer, this.maxPeers); // others may have come meanwhile
    this.peers.register(peer);
    try {
      this.downloader.register(peer);
      this.#chainSync.peerJoined(peer);
      this.#tellPool(peer);
      await peer.run(this.#handlers(peer), signal);
    } finally {
      this.peers.unregister(peer.id);
      this.downloader.unregister(peer.id);
      this.fetcher.removePeer(peer.id);
      this.txFetcher.removePeer(peer.id);
      this.#txSync.remove(peer);
    }
  }

  /** A new peer hears of all that waits: by hash from eth/65 on, whole before. */
  #tellPool(peer: EthPeer): void {
    const pending = this.pool.pending();
    if (peer.takesTxAnnouncements) peer.announceTransactions(pending.map(({ hash }) => hash));
    else this.#txSync.add(peer, pending);
  }

  #handlers(peer: EthPeer): EthHandlers {
    return {
      newBlockHashes: (message) => {
        this.#refuseAfterMerge("newBlockHashes");
        for (const { hash } of message.body) peer.markBlock(hash);
        this.fetcher.notify(
          peer,
          message.body
            .filter(({ hash }) => !this.#hasBlock(hash))
            .map(({ hash, number }) => ({ hash: hash.slice(), number })),
        );
      },
      newBlock: (message) => this.#newBlock(peer, message),
      blockRangeUpdate: () => this.#chainSync.peerAhead(peer),
      transactions: async (message) => {
        if (!this.#takesTransactions()) return;
        for (const { hash } of message.body) peer.markTransaction(hash);
        await this.txFetcher.enqueue(peer, message.body);
      },
      newPooledTransactionHashes: (message) => {
        if (!this.#takesTransactions()) return;
        for (const { hash } of message.body) peer.markTransaction(hash);
        this.txFetcher.notify(
          peer,
          message.body.map((tx) => ({ ...tx, hash: tx.hash.slice() })),
        );
      },
    };
  }

  #newBlock(peer: EthPeer, message: Lazy<NewBlock>): void {
    this.#refuseAfterMerge("newBlock");
    const { block, td } = message.body;
    const { header } = block;
    checkTd(td);
    try {
      verifyBody(block);
    } catch (cause) {
      if (!(cause instanceof GlimError)) throw cause;
      throw EthProtocolError("BAD_BLOCK", { number: header.number, reason: cause.message }, { cause });
    }
    peer.markBlock(header.hash);
    this.fetcher.enqueue(peer, block);
    // the block itself may not be imported there yet, so the parent is what the peer must have
    const trueTd = td - header.difficulty;
    if (trueTd <= (peer.head.td ?? -1n)) return;
    peer.setHead({ hash: header.parentHash.slice(), td: trueTd, number: header.number - 1 });
    if (trueTd > this.#td()) this.#chainSync.peerAhead(peer);
  }

  #takesTransactions(): boolean {
    if (this.#acceptTxs) return true;
    if (!this.#hasToldOfIgnoredTxs)
      this.#log.info("transactions of peers are ignored until the first sync, import or sealed block");
    this.#hasToldOfIgnoredTxs = true;
    return false;
  }

  /** After the merge blocks do not travel like this (ET-06). */
  #refuseAfterMerge(name: string): void {
    if (this.#isMerged()) throw EthProtocolError("MERGED", { name });
  }

  #isMerged(): boolean {
    const { config, head } = this.chain;
    return (
      config.terminalTotalDifficulty !== undefined &&
      this.#td() >= config.terminalTotalDifficulty &&
      head.difficulty === 0n
    );
  }

  #td(): bigint {
    return this.chain.td(this.chain.head.hash) ?? 0n;
  }

  #ours(): OurHead {
    const { head, config } = this.chain;
    return {
      td: this.#td(),
      number: head.number,
      terminalTd: config.terminalTotalDifficulty,
      hasBlock: (hash) => this.#hasBlock(hash),
    };
  }

  #hasBlock(hash: Uint8Array): boolean {
    const header = this.chain.headerByHash(hash);
    return header !== undefined && this.chain.bodyRlp(header) !== undefined;
  }

  /** There is nothing to catch up with. Before the merge transactions still wait for a block (Trap 19); after it none is sent. */
  #level(): void {
    this.#hasSynced = true;
    if (this.chain.config.terminalTotalDifficulty !== undefined) this.#acceptTxs = true;
  }

  #synced(head: Header): void {
    this.#fastSync = false;
    this.#hasSynced = true;
    this.#acceptTxs = true;
    const block = this.chain.block(head);
    if (block !== undefined && head.number > 0) this.#announce(block);
  }

  #propagate(block: Block): void {
    if (this.#isMerged()) return;
    const { header } = block;
    const parentTd = this.chain.td(header.parentHash);
    if (parentTd === undefined) {
      this.#log.error("a block without its parent is not propagated", { number: header.number });
      return;
    }
    propagateBlock(this.peers, this.#host.rand, block, parentTd + header.difficulty);
  }

  /** After the merge blocks do not travel: whoever is told of one drops us. */
  #announce(block: Block): void {
    if (this.#isMerged()) return;
    if (this.#hasBlock(block.header.hash)) announceBlock(this.peers, block);
  }

  #tellRange(header: Header): void {
    const { number: latest, hash: latestHash } = header;
    if (latest >= this.#toldRange && latest - this.#toldRange < limits.rangeStep) return;
    this.#toldRange = latest;
    for (const peer of this.peers)
      if (peer.version >= 69) peer.sendBlockRange({ earliest: 0, latest, latestHash }).catch(() => {}); // its reader says why
  }

  #blockHooks(): BlockFetcherHooks {
    return {
      headNumber: () => this.chain.head.number,
      hasBlock: (hash) => this.#hasBlock(hash),
      verifyHeader: async (header) => {
        await this.chain.headers.checkSeals([{ header, uncles: [] }]);
        this.chain.headers.verify([header]);
      },
      propagate: (block) => this.#propagate(block),
      insert: async (block) => {
        if (this.#fastSync) return;
        await this.chain.insertBlocks([block]);
        this.#acceptTxs = true;
        this.#hasSynced = true;
      },
      announce: (block) => this.#announce(block),
      isPostMerge: () => this.#isMerged(),
    };
  }

  #txHooks(): TxFetcherHooks {
    return {
      hasTransaction: (hash) => this.pool.has(hash),
      addTransactions: (txs) => addSlowly(this.pool, txs, this.#host.clock),
    };
  }
}
