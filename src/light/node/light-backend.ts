import type { HeadEvent, HeaderChain } from "#core";
import type { Body, Header, Receipt, Transaction } from "#core/types";
import type { StateReader } from "#core/vm";
import type { AccountProof, Backend, CallContext, FoundTransaction, SyncProgress } from "#ethapi";
import { Feed } from "#event";
import { findTransaction, type LightTxPool, type Odr } from "#light";
import type { Logger } from "#log";
import type { ChainConfig } from "#params";
import { orAborted } from "#util";
import type { LightSource } from "./source.ts";

/** What there is while the node runs. */
export interface LightParts {
  readonly chain: HeaderChain;
  readonly odr: Odr;
  readonly pool: LightTxPool;
}

export interface LightBackendOptions {
  /** @throws LIGHTNODE_NOT_STARTED */
  readonly parts: () => LightParts;
  readonly source: LightSource;
  readonly config: ChainConfig;
  readonly networkId: bigint;
  readonly log: Logger;
}

/** A light node as the eth_ namespace needs it: headers from the chain, the rest retrieved and proven. */
export class LightBackend implements Backend {
  readonly kind = "light";
  /** les/4, and what geth adds to it. */
  readonly protocolVersion = 10_004;
  readonly chainConfig: ChainConfig;
  readonly networkId: bigint;
  readonly headEvents: Feed<HeadEvent>;
  readonly pendingEvents: Feed<Transaction>;
  readonly #parts: () => LightParts;
  readonly #source: LightSource;
  /** Transactions answered "not found" on the word of servers. */
  unprovenAbsences = 0;

  constructor({ parts, source, config, networkId, log }: LightBackendOptions) {
    this.#parts = parts;
    this.#source = source;
    this.chainConfig = config;
    this.networkId = networkId;
    const listenerFailed = (error: unknown) => log.error("a listener failed", { error });
    this.headEvents = new Feed(listenerFailed);
    this.pendingEvents = new Feed(listenerFailed);
  }

  get chainId(): bigint {
    return this.chainConfig.chainId;
  }

  get #chain(): HeaderChain {
    return this.#parts().chain;
  }

  get #odr(): Odr {
    return this.#parts().odr;
  }

  head(): Header {
    return this.#chain.head;
  }

  headerByNumber(number: number): Header | undefined {
    return this.#chain.headerByNumber(number);
  }

  headerByHash(hash: Uint8Array): Header | undefined {
    return this.#chain.headerByHash(hash);
  }

  isCanonical(header: Header): boolean {
    return this.#chain.isCanonical(header);
  }

  totalDifficulty(header: Header): bigint | undefined {
    return this.#chain.td(header.hash);
  }

  async body(header: Header, { signal }: CallContext): Promise<Body> {
    return await this.#odr.body(header, { signal });
  }

  async receipts(header: Header, { signal }: CallContext): Promise<readonly Receipt[]> {
    return await this.#odr.receipts(header, { signal });
  }

  state(header: Header, ctx?: CallContext): StateReader {
    return this.#odr.stateReader(header, ctx);
  }

  prove(
    header: Header,
    address: Uint8Array,
    slots: readonly Uint8Array[],
    { signal }: CallContext,
  ): Promise<AccountProof> {
    return this.#odr.prove(header, address, slots, { signal });
  }

  async findTransaction(hash: Uint8Array, { signal }: CallContext): Promise<FoundTransaction | undefined> {
    const { chain, odr, pool } = this.#parts();
    const own = pool.get(hash);
    // the head may be newer than what the pool has searched: who was told of the head asks about its block
    if (own !== undefined && own.header === undefined) await orAborted(pool.followed(), signal);
    if (own !== undefined) return pool.get(hash) ?? own;
    const found = await findTransaction(hash, { chain, odr, source: this.#source }, { signal });
    if (found === undefined) this.unprovenAbsences++;
    return found;
  }

  async sendTransaction(tx: Transaction, { signal }: CallContext): Promise<void> {
    await this.#parts().pool.add(tx, { signal });
  }

  pendingTransactions(): readonly Transaction[] {
    return this.#parts().pool.pending();
  }

  author(header: Header): Uint8Array | undefined {
    return header.number === 0 ? undefined : this.#chain.engine.author(header);
  }

  syncing(): SyncProgress | undefined {
    const { progress } = this.#source;
    if (progress !== undefined || this.#source.isSynced) return progress;
    const { number } = this.#chain.head;
    return { startingBlock: number, currentBlock: number, highestBlock: number };
  }
}
