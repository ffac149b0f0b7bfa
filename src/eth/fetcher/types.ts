import type { Block, Body, Header, Transaction } from "#core/types";
import type { Clock, Rand } from "#host";
import type { Logger } from "#log";
import type { GlimError } from "#util";

export interface FetchOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** What the block fetcher needs of whoever announced a block. An EthPeer fits. */
export interface BlockSource {
  readonly id: string;
  /** Headers by hash or number: the fetcher asks for one by hash. */
  requestHeaders(
    query: {
      readonly origin: number | Uint8Array;
      readonly amount: number;
      readonly skip: number;
      readonly reverse: boolean;
    },
    options: FetchOptions,
  ): Promise<readonly Header[]>;
  requestBodies(hashes: readonly Uint8Array[], options: FetchOptions): Promise<readonly Body[]>;
  drop(reason: GlimError): void;
}

/** What the block fetcher asks of the node, and tells it. */
export interface BlockFetcherHooks {
  /** Number of the chain's head. */
  headNumber(): number;
  /** The block (not only its header) is here. */
  hasBlock(hash: Uint8Array): boolean;
  /** Every header rule, against its parent, which is known; a dear seal off the main loop. @throws CONSENSUS_* and the engine's */
  verifyHeader(header: Header): Promise<void>;
  /** Header is right: send the whole block on to some peers. */
  propagate(block: Block): void;
  /** @throws what BlockChain.insertBlocks throws */
  insert(block: Block): Promise<void>;
  /** Block is in the chain: tell its hash to all others. */
  announce(block: Block): void;
  /** After the merge blocks do not travel like this: whoever announces one is dropped (ET-06). */
  isPostMerge(): boolean;
}

export interface BlockAnnouncement {
  readonly hash: Uint8Array;
  readonly number: number;
}

/** A transaction announced by its hash; type and size from eth/68 on. */
export interface TxAnnouncement {
  readonly hash: Uint8Array;
  readonly type?: number | undefined;
  /** Bytes of its encoding as it goes over the wire. */
  readonly size?: number | undefined;
}

export interface TxSource {
  readonly id: string;
  /** GetPooledTransactions: those it still has, in the order asked for. */
  requestPooledTransactions(
    hashes: readonly Uint8Array[],
    options: FetchOptions,
  ): Promise<readonly Transaction[]>;
  drop(reason: GlimError): void;
}

/** What became of a transaction that was given to the pool. */
export type TxVerdict = "added" | "known" | "underpriced" | "invalid";

export interface TxFetcherHooks {
  hasTransaction(hash: Uint8Array): boolean;
  /** Into the pool; never throws for what a peer may send. One verdict for each. */
  addTransactions(txs: readonly Transaction[], peer: string): Promise<readonly TxVerdict[]>;
}

export interface FetcherHost {
  readonly clock: Clock;
  readonly rand: Rand;
  readonly log?: Logger | undefined;
}
