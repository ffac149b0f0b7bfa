import { checkRequired, type Engine, requireBlocks, type RequiredBlocks } from "#consensus";
import { Clique } from "#consensus/clique";
import { type HeadEvent, HeaderChain } from "#core";
import { genesisBlock } from "#core/state";
import type { Header } from "#core/types";
import { type Backend, createEthApi, type EthApi } from "#ethapi";
import { type KeyValueStore, namespaced } from "#ethdb";
import type { Feed } from "#event";
import { LightTxPool, Odr, RetrievedCache } from "#light";
import { meterHeads, type Service, type ServiceContext, type Vitals } from "#node";
import type { Protocol } from "#p2p";
import type { Genesis } from "#params";
import type { Api } from "#rpc";
import { orAborted, utf8Encode } from "#util";
import { cliqueControl } from "./clique-control.ts";
import { LightNodeError } from "./errors.ts";
import { lightApi } from "./light-api.ts";
import { LightBackend, type LightParts } from "./light-backend.ts";
import type { LightSource, RefusedServer, SourceFactory, SourceServer } from "./source.ts";

export interface LightEthereumOptions {
  readonly genesis: Genesis;
  /** Default: the genesis' chain id. */
  readonly networkId?: bigint | number | undefined;
  /** Where heads and proofs come from. */
  readonly source: SourceFactory;
  /** Rules of headers; default: clique, if the genesis has it. */
  readonly engine?: Engine | undefined;
  /** Headers the chain must have, by number; another chain is taken from nobody, and refused at start. */
  readonly requiredBlocks?: RequiredBlocks | undefined;
  /** MB of retrieved nodes, code, bodies and receipts kept; default 8. */
  readonly cacheDiskMb?: number | undefined;
}

/** Of calls that run at once: a light node stays below 256 MiB of resident memory, whatever it is asked. */
const CALL_MEMORY_BYTES = 32 * 1024 * 1024;
/** What those calls and the waiting ones bring along. */
const CALL_BYTES = 4 * 1024 * 1024;

/** How a light node stands. */
export interface LightStatus {
  readonly networkId: string;
  readonly head: { readonly number: number; readonly hash: Uint8Array; readonly ageSeconds: number };
  readonly isSynced: boolean;
  readonly servers: readonly SourceServer[];
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Answers verified against a header. */
  readonly proofsChecked: number;
  /** Requests sent, and the messages they were merged into. */
  readonly requests: number;
  readonly messages: number;
  /** Replies thrown away because they were false. */
  readonly lies: number;
  /** Transactions answered "not found" because servers said so: nothing can prove it. */
  readonly unprovenAbsences: number;
  readonly ownTransactions: { readonly pending: number; readonly held: number };
  readonly cache: {
    readonly bytes: number;
    readonly entries: number;
    readonly hits: number;
    readonly misses: number;
  };
}

interface Running extends LightParts {
  readonly db: KeyValueStore;
  readonly cache: RetrievedCache;
  readonly subscriptions: readonly Disposable[];
}

/**
 * The service that follows a chain by its headers and proves everything else (seed: les.LightEthereum). Its `backend` is what the eth_
 * namespace stands on; every value it returns was checked against a header of its chain. Only its own transactions are relayed.
 *
 * What it cannot answer is an error that says why: no server, state older than servers keep, nothing verified.
 */
export class LightEthereum implements Service {
  readonly networkId: bigint;
  /** One event per change of head. */
  readonly headEvents: Feed<HeadEvent>;
  readonly protocols: readonly Protocol[];
  /** The node as RPC sees it; programs may ask it the same. */
  readonly backend: Backend;
  readonly #context: ServiceContext;
  readonly #options: LightEthereumOptions;
  readonly #source: LightSource;
  readonly #api: EthApi;
  readonly #lightApi: Api;
  readonly #backend: LightBackend;
  #running: Running | undefined;

  constructor(context: ServiceContext, options: LightEthereumOptions) {
    this.#context = context;
    this.#options = options;
    this.networkId = BigInt(options.networkId ?? options.genesis.config.chainId);
    this.#source = options.source({ networkId: this.networkId, host: context.host, log: context.log });
    this.protocols = this.#source.protocols;
    this.#backend = new LightBackend({
      parts: () => this.#parts,
      source: this.#source,
      config: options.genesis.config,
      networkId: this.networkId,
      log: context.log,
    });
    this.backend = this.#backend;
    this.headEvents = this.#backend.headEvents;
    meterHeads(this.headEvents, context.metrics);
    const isClique = options.genesis.config.clique !== undefined && options.engine === undefined;
    this.#api = createEthApi(this.backend, {
      host: context.host,
      log: context.log,
      accounts: context.accountManager,
      limits: { callMemoryBytes: CALL_MEMORY_BYTES, callBytes: CALL_BYTES },
      controls: { clique: isClique ? cliqueControl(() => this.#parts.chain) : undefined },
    });
    this.#lightApi = lightApi(() => this.status());
  }

  get apis(): readonly Api[] {
    return [...this.#api.apis, this.#lightApi];
  }

  /** Opens the database and lets the source begin. @throws CORE_GENESIS_MISMATCH for a database of another chain */
  async start(): Promise<void> {
    const { genesis, cacheDiskMb } = this.#options;
    const { host, log } = this.#context;
    const db = await this.#context.openDatabase("lightchaindata", { cacheBytes: 2 * 1024 * 1024 });
    const part = (name: string) => namespaced(db, utf8Encode(`${name}-`));
    const headers = part("chain");
    const { requiredBlocks = new Map() } = this.#options;
    const engine = requireBlocks(this.#options.engine ?? cliqueOf(genesis, headers), requiredBlocks);
    const chain = new HeaderChain({
      db: headers,
      config: genesis.config,
      engine,
      genesis: genesisBlock(genesis).header,
      clock: host.clock,
      log,
    });
    for (const number of requiredBlocks.keys()) {
      const header = chain.headerByNumber(number);
      if (header !== undefined) checkRequired(header, requiredBlocks);
    }
    const cache = await RetrievedCache.open(part("cache"), { diskMegabytes: cacheDiskMb });
    const odr = new Odr(this.#source, cache);
    const pool = new LightTxPool({
      chain,
      odr,
      source: this.#source,
      store: part("txs"),
      clock: host.clock,
      log,
    });
    await pool.start();
    const subscriptions = [
      chain.headEvents.subscribe((event) => this.headEvents.send(event)),
      pool.added.subscribe((tx) => this.#backend.pendingEvents.send(tx)),
    ];
    this.#running = { db, chain, odr, pool, cache, subscriptions };
    this.#source.start(chain);
  }

  async stop(): Promise<void> {
    await this.#api.close();
    await this.#source.stop();
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    for (const subscription of running.subscriptions) subscription[Symbol.dispose]();
    await running.pool.stop();
    running.cache.flush();
    await running.db.flush();
  }

  /** Resolves with the head once the chain has reached every head that servers announced. Waits for a server if there is none. */
  async synced({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<Header> {
    signal?.throwIfAborted();
    if (this.#source.isSynced) return this.chain.head;
    let subscription: Disposable | undefined;
    try {
      const done = new Promise<Header>((resolve) => {
        subscription = this.#source.syncedEvents.subscribe(resolve);
      });
      return await (signal === undefined ? done : orAborted(done, signal));
    } finally {
      subscription?.[Symbol.dispose]();
    }
  }

  /** Servers that cannot be used, with the reason: another genesis, another network, nothing we need served. */
  get refusedServers(): Feed<RefusedServer> {
    return this.#source.refusedEvents;
  }

  status(): LightStatus {
    const { chain, odr, pool, cache } = this.#parts;
    const { head } = chain;
    const servers = this.#source.servers();
    return {
      networkId: this.networkId.toString(),
      head: {
        number: head.number,
        hash: head.hash,
        ageSeconds: Math.max(0, this.#context.host.clock.unixSeconds() - head.time),
      },
      isSynced: this.#source.isSynced,
      servers,
      proofsChecked: odr.verified,
      ...this.#source.counters,
      unprovenAbsences: this.#backend.unprovenAbsences,
      ownTransactions: { pending: pool.pending().length, held: pool.size },
      cache: { bytes: cache.sizeBytes, entries: cache.entries, hits: cache.hits, misses: cache.misses },
    };
  }

  /** For health probes and gauges. */
  vitals(): Vitals | undefined {
    if (this.#running === undefined) return undefined;
    const { head, servers, proofsChecked, lies, ownTransactions, cache } = this.status();
    const progress = this.#backend.syncing();
    return {
      head: { number: head.number, ageSeconds: head.ageSeconds },
      syncing: progress && { current: progress.currentBlock, highest: progress.highestBlock },
      needsPeers: true,
      figures: {
        servers: servers.length,
        proofs_checked: proofsChecked,
        lies,
        pool_pending: ownTransactions.pending,
        cache_bytes: cache.bytes,
        cache_hits: cache.hits,
        cache_misses: cache.misses,
      },
    };
  }

  /** The headers. @throws LIGHTNODE_NOT_STARTED */
  get chain(): HeaderChain {
    return this.#parts.chain;
  }

  /** Reads against a header. @throws LIGHTNODE_NOT_STARTED */
  get odr(): Odr {
    return this.#parts.odr;
  }

  /** Newest header of the chain. */
  get head(): Header {
    return this.chain.head;
  }

  get #parts(): Running {
    if (this.#running === undefined) throw LightNodeError("NOT_STARTED");
    return this.#running;
  }
}

function cliqueOf(genesis: Genesis, db: KeyValueStore): Engine {
  if (genesis.config.clique === undefined) throw LightNodeError("NEEDS_CLIQUE");
  return new Clique(genesis.config.clique, db);
}
