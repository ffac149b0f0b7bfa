import type { HeadEvent, HeaderChain } from "#core";
import { decodeTransaction, encodeTransaction, type Header, senderOf, type Transaction } from "#core/types";
import type { KeyValueStore } from "#ethdb";
import { Feed } from "#event";
import type { Clock } from "#host";
import { type Logger, silentLogger } from "#log";
import { ByteMap, GlimError, Scope, toHex } from "#util";
import { LightError } from "./errors.ts";
import { findTransaction, type LocatedTransaction } from "./find-transaction.ts";
import type { Odr } from "./odr.ts";
import type { ProofSource } from "./source.ts";

/** Bounds of the pool of own transactions. */
export const txPoolLimits = {
  /** Own transactions held, mined ones included. Ours. */
  transactions: 1_024,
  /** Servers a new transaction is sent to at once. geth les/txrelay.go:70@v1.8.27 */
  firstServers: 3,
  /** Blocks after which a mined transaction is forgotten. geth light/txpool.go:41@v1.8.27 */
  confirmations: 500,
  /** Blocks added at once up to which bodies are searched; beyond, servers are asked where the transactions are. Ours. */
  searchedBlocks: 64,
  /** Blocks whose body could not be had, kept for the next head. Ours. */
  unsearched: 256,
  /** Every so many blocks the senders' nonces tell which transactions can no longer be mined. Ours. */
  nonceCheckBlocks: 16,
  /** Wait for one body. geth light/txpool.go:41@v1.8.27 (blockCheckTimeout) */
  bodyMs: 3_000,
} as const;

interface Own {
  readonly tx: Transaction;
  /** Set while it stands in a canonical block. */
  place: { readonly header: Header; readonly index: number } | undefined;
  /** Connections it went to; emptied when a reorg takes it out of its block. BOUNDED by the connections of one mining delay. */
  readonly sentTo: Set<string>;
}

export interface TxPoolOptions {
  readonly chain: HeaderChain;
  readonly odr: Odr;
  readonly source: ProofSource;
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly log?: Logger | undefined;
}

/**
 * This node's own transactions: relayed to servers, looked for in the body of every new block until found, relayed again when a reorg
 * takes them out, kept over a restart, forgotten 500 blocks after they were mined.
 *
 * A transaction that the first servers refuse is not taken; the error carries the server's own reason. Whether a taken one is valid is for
 * the servers to say: this pool checks signature and chain id only.
 * @see geth light/txpool.go, les/txrelay.go@v1.8.27
 */
export class LightTxPool {
  /** A transaction as it enters the pool. */
  readonly added: Feed<Transaction>;
  readonly #chain: HeaderChain;
  readonly #odr: Odr;
  readonly #source: ProofSource;
  readonly #store: KeyValueStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** By hash, oldest first. BOUNDED: txPoolLimits.transactions. */
  readonly #own = new ByteMap<Own>();
  /** New blocks not searched yet, ascending. BOUNDED: txPoolLimits.unsearched. */
  #unsearched: Header[] = [];
  #mustLocate = false;
  #work: Promise<void> = Promise.resolve();
  #subscription: Disposable | undefined;
  readonly #scope = new Scope("light-txs");

  constructor(options: TxPoolOptions) {
    this.#chain = options.chain;
    this.#odr = options.odr;
    this.#source = options.source;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log ?? silentLogger;
    this.added = new Feed((error) => this.#log.error("transaction listener failed", { error }));
  }

  /** Reads what an earlier run left and follows the chain. Their place, if they have one, is found at the next head. */
  async start(): Promise<void> {
    for await (const [hash, bytes] of this.#store.iterate({ limit: txPoolLimits.transactions }))
      this.#own.set(hash, { tx: decodeTransaction(bytes), place: undefined, sentTo: new Set() });
    this.#mustLocate = this.#own.size > 0;
    this.#subscription = this.#chain.headEvents.subscribe((event) => this.#onHead(event));
  }

  async stop(): Promise<void> {
    this.#subscription?.[Symbol.dispose]();
    await this.#scope.close();
    await this.#work;
  }

  get size(): number {
    return this.#own.size;
  }

  /** Those in no block yet, oldest first. */
  pending(): Transaction[] {
    return [...this.#own.values()].filter((own) => own.place === undefined).map((own) => own.tx);
  }

  /** Resolves when the blocks up to the head, as it is now, have been searched: at most {@link txPoolLimits}.bodyMs a block. */
  followed(): Promise<void> {
    return this.#work;
  }

  get(
    hash: Uint8Array,
  ): { readonly tx: Transaction; readonly header?: Header; readonly index?: number } | undefined {
    const own = this.#own.get(hash);
    if (own === undefined) return undefined;
    return own.place === undefined ? { tx: own.tx } : { tx: own.tx, ...own.place };
  }

  /**
   * Sends a transaction to three servers and takes it once one of them has accepted it.
   * @throws LIGHT_TX_KNOWN, LIGHT_TX_POOL_FULL, LIGHT_TX_REFUSED with the server's reason, LIGHT_NO_SERVER, LIGHT_NO_VERIFIED_ANSWER
   */
  async add(tx: Transaction, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    if (this.#own.has(tx.hash)) throw LightError("TX_KNOWN");
    if (this.#own.size >= txPoolLimits.transactions)
      throw LightError("TX_POOL_FULL", { max: txPoolLimits.transactions });
    this.#check(tx);
    const own: Own = { tx, place: undefined, sentTo: new Set() };
    await this.#relay(own, { servers: txPoolLimits.firstServers, signal });
    this.#own.set(tx.hash, own);
    this.#store.put(tx.hash, encodeTransaction(tx));
    await this.#store.flush();
    this.added.send(tx);
    // a block that was made meanwhile may hold it already
    this.#schedule(false);
  }

  #check(tx: Transaction): void {
    const { chainId } = this.#chain.config;
    const refused = (reason: string) => LightError("TX_REFUSED", { reason });
    if (tx.chainId !== undefined && tx.chainId !== chainId)
      throw refused(`invalid chain id for signer: have ${tx.chainId} want ${chainId}`);
    try {
      senderOf(tx);
    } catch (cause) {
      if (cause instanceof GlimError) throw LightError("TX_REFUSED", { reason: "invalid sender" }, { cause });
      throw cause;
    }
  }

  /** Sends to servers that have not had it. @throws if none accepted it */
  async #relay(
    own: Own,
    options: { readonly servers: number; readonly signal?: AbortSignal | undefined },
  ): Promise<void> {
    const { servers, signal } = options;
    let reason: string | undefined;
    const claims = this.#source.claims("sendTx", own.tx, {
      servers,
      parallel: servers,
      except: own.sentTo,
      onAsk: (server) => own.sentTo.add(server),
      signal,
    });
    for await (const { answer } of claims) {
      if (answer.error === "" || /already known|^known transaction/i.test(answer.error)) return;
      reason ??= answer.error;
    }
    if (reason !== undefined) throw LightError("TX_REFUSED", { reason });
    throw LightError("NO_VERIFIED_ANSWER", {
      what: "transaction",
      asked: own.sentTo.size,
      reason: "no server confirmed it",
    });
  }

  #onHead({ added, removed }: HeadEvent): void {
    for (const header of removed) this.#taken(header);
    if (added.length > txPoolLimits.searchedBlocks) {
      this.#mustLocate = true;
      this.#unsearched = [];
    } else this.#unsearched.push(...added);
    if (this.#unsearched.length > txPoolLimits.unsearched) {
      this.#mustLocate = true;
      this.#unsearched = [];
    }
    this.#schedule(true);
  }

  /** A block is no longer canonical: its own transactions wait again and are sent to everybody anew. */
  #taken(header: Header): void {
    for (const own of this.#own.values()) {
      if (own.place?.header.number !== header.number) continue;
      this.#log.info("own transaction taken out of its block by a reorg", {
        hash: toHex(own.tx.hash),
        number: header.number,
      });
      own.place = undefined;
      own.sentTo.clear();
    }
  }

  #schedule(isNewHead: boolean): void {
    if (this.#scope.isClosed) return;
    this.#work = this.#work.then(() =>
      this.#process(isNewHead).catch((error: unknown) => this.#failed(error)),
    );
  }

  /** No server, or a slow one: the next head tries again. Anything else is a bug and is said aloud. */
  #failed(error: unknown): void {
    if (this.#scope.isClosed) return;
    if (error instanceof GlimError) this.#log.debug("own transactions not followed", { code: error.code });
    else this.#log.error("own transactions not followed", { error });
  }

  async #process(isNewHead: boolean): Promise<void> {
    if (this.#own.size === 0) {
      this.#unsearched = [];
      this.#mustLocate = false;
      return;
    }
    this.#forget();
    if (this.#scope.isClosed) return;
    if (this.#mustLocate) await this.#locateAll();
    await this.#search();
    if (!isNewHead) return;
    if (this.#chain.head.number % txPoolLimits.nonceCheckBlocks === 0) await this.#dropOvertaken();
    for (const own of this.#own.values()) if (own.place === undefined) this.#offer(own);
  }

  /** One more server per head. */
  #offer(own: Own): void {
    this.#scope.spawn("relay", async (signal) => {
      try {
        await this.#relay(own, { servers: 1, signal });
      } catch (error) {
        if (!(error instanceof GlimError)) throw error;
      }
    });
  }

  /** Bodies of new blocks, until none is left or one cannot be had. */
  async #search(): Promise<void> {
    while (this.pending().length > 0) {
      const header = this.#unsearched[0];
      if (header === undefined) return;
      if (this.#chain.isCanonical(header)) await this.#searchBlock(header);
      if (this.#unsearched[0] === header) this.#unsearched.shift();
    }
    this.#unsearched = [];
  }

  async #searchBlock(header: Header): Promise<void> {
    const limit = new AbortController();
    const timer = this.#clock.after(txPoolLimits.bodyMs, () =>
      limit.abort(LightError("TIMEOUT", { what: "block body", timeoutMs: txPoolLimits.bodyMs })),
    );
    try {
      const { transactions } = await this.#odr.body(header, { signal: limit.signal });
      transactions.forEach((tx, index) => {
        const own = this.#own.get(tx.hash);
        if (own !== undefined && this.#chain.isCanonical(header)) this.#mined(own, { tx, header, index });
      });
    } finally {
      timer.cancel();
    }
  }

  /** Asks servers where the waiting ones are: after a restart or a long absence. */
  async #locateAll(): Promise<void> {
    for (const own of [...this.#own.values()]) {
      if (own.place !== undefined) continue;
      const found = await this.#locate(own);
      if (found !== undefined && found !== "unsure") this.#mined(own, found);
    }
    this.#mustLocate = false;
  }

  /** `unsure`: the servers that answered do not know it, but their word is not enough to forget it. */
  async #locate(own: Own): Promise<LocatedTransaction | "unsure" | undefined> {
    const parts = { chain: this.#chain, odr: this.#odr, source: this.#source };
    try {
      return await findTransaction(own.tx.hash, parts, { signal: this.#scope.signal });
    } catch (error) {
      if (LightError.is(error, "TX_UNCONFIRMED")) return "unsure";
      throw error;
    }
  }

  /** A nonce that the chain has passed by another transaction will not come again. */
  async #dropOvertaken(): Promise<void> {
    const { head } = this.#chain;
    for (const own of [...this.#own.values()]) {
      if (own.place !== undefined) continue;
      const account = await this.#odr.account(head, senderOf(own.tx), { signal: this.#scope.signal });
      if (account === undefined || account.nonce <= own.tx.nonce) continue;
      const found = await this.#locate(own);
      if (found === "unsure") continue;
      if (found !== undefined) this.#mined(own, found);
      else if (own.place === undefined) {
        this.#log.info("own transaction dropped: its nonce was used by another", {
          hash: toHex(own.tx.hash),
        });
        this.#delete(own);
      }
    }
  }

  #mined(own: Own, { header, index }: LocatedTransaction): void {
    own.place = { header, index };
    this.#log.debug("own transaction mined", { hash: toHex(own.tx.hash), number: header.number });
  }

  #forget(): void {
    const oldest = this.#chain.head.number - txPoolLimits.confirmations;
    for (const own of [...this.#own.values()])
      if (own.place !== undefined && own.place.header.number <= oldest) this.#delete(own);
  }

  #delete(own: Own): void {
    this.#own.delete(own.tx.hash);
    this.#store.delete(own.tx.hash);
  }
}
