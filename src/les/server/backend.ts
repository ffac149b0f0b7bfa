import type { HeadEvent } from "#core";
import type { CodeStore } from "#core/state";
import type { Header, Transaction } from "#core/types";
import type { Feed } from "#event";
import type { ChainConfig } from "#params";
import type { NodeStore } from "#trie";

/** Where a canonical transaction is. */
export interface TxPlace {
  readonly header: Pick<Header, "hash" | "number">;
  /** Place in the block, from 0. */
  readonly index: number;
}

/** Reads of the served chain; all answer at once. `BlockChain` of #core fits. */
export interface LesChain {
  readonly head: Header;
  readonly genesis: Header;
  /** All trie nodes that are kept, by hash. */
  readonly nodes: NodeStore;
  readonly codes: CodeStore;
  headerByNumber(number: number): Header | undefined;
  headerByHash(hash: Uint8Array): Header | undefined;
  isCanonical(header: Pick<Header, "number" | "hash">): boolean;
  td(hash: Uint8Array): bigint | undefined;
  /** RLP of `[transactions, uncles]`. */
  bodyRlp(header: Pick<Header, "number" | "hash">): Uint8Array | undefined;
  /** RLP list of the block's receipts. */
  receiptsRlp(header: Pick<Header, "number" | "hash">): Uint8Array | undefined;
  hasState(header: Pick<Header, "stateRoot">): boolean;
  /**
   * Which states are here: those of blocks from `since` on, of these the last `recent` ones only (0: all). Absent: all.
   * Others may be here too.
   */
  readonly servedStates?: { readonly since: number; readonly recent: number };
  transaction(hash: Uint8Array): TxPlace | undefined;
}

/**
 * What a LES server serves. Declared here, because this room needs it; the `Ethereum` service fits it, and so does a small
 * object over any `BlockChain`.
 */
export interface LesBackend {
  readonly chainConfig: ChainConfig;
  readonly networkId: bigint;
  /** Available once the backend has started: read after the server's own start. */
  readonly chain: LesChain;
  readonly headEvents: Feed<HeadEvent>;
  /** Takes a transaction of a light client. Throws with the reason it is refused. */
  relayTransaction(tx: Transaction): Promise<void>;
  /** A transaction that waits to be mined. */
  pendingTransaction(hash: Uint8Array): Transaction | undefined;
}
