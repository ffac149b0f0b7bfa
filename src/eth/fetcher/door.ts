import type { Block, Transaction } from "#core/types";
import type { BlockAnnouncement, BlockSource, TxAnnouncement, TxSource } from "./types.ts";

/** `new BlockFetcher(hooks: BlockFetcherHooks, host: FetcherHost)`. */
export interface BlockFetcherDoor {
  /** NewBlockHashes. Hashes too far from the head, known, or beyond the peer's 256 are ignored. */
  notify(peer: BlockSource, announced: readonly BlockAnnouncement[]): void;
  /** NewBlock: a whole block whose body matches its header (the caller has checked). */
  enqueue(peer: BlockSource, block: Block): void;
  /** The peer left. */
  removePeer(id: string): void;
  /** The head moved: waiting blocks may fit now. */
  headChanged(): void;
  /** Ends all and waits for a running import. */
  stop(): Promise<void>;
}

/** `new TxFetcher(hooks: TxFetcherHooks, host: FetcherHost)`. */
export interface TxFetcherDoor {
  /** NewPooledTransactionHashes. */
  notify(peer: TxSource, announced: readonly TxAnnouncement[]): void;
  /** Transactions: sent without being asked for. Duplicates within one message drop the peer (ET-05). */
  enqueue(peer: TxSource, txs: readonly Transaction[]): Promise<void>;
  removePeer(id: string): void;
  stop(): Promise<void>;
}
