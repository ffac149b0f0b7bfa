import type { HeaderSource } from "#core";
import type { Header, Receipt, Transaction } from "#core/types";
import type { ChainConfig } from "#params";

/** Reads of the chain that is served; all answer at once. `BlockChain` of #core fits. */
export interface EthChain extends HeaderSource {
  readonly config: ChainConfig;
  readonly genesis: Header;
  /** Trie nodes by hash. */
  readonly nodes: { get(hash: Uint8Array): Uint8Array | undefined };
  /** Contract codes by hash. */
  readonly codes: { get(hash: Uint8Array): Uint8Array | undefined };
  td(hash: Uint8Array): bigint | undefined;
  /** RLP of `[transactions, uncles, withdrawals?]`. */
  bodyRlp(header: Pick<Header, "number" | "hash">): Uint8Array | undefined;
  /** RLP list of the block's receipts, as eth/63 to 68 carry them. */
  receiptsRlp(header: Pick<Header, "number" | "hash">): Uint8Array | undefined;
  receipts(header: Pick<Header, "number" | "hash">): readonly Receipt[] | undefined;
}

/** Transactions that wait to be mined, by hash. */
export interface EthPool {
  get(hash: Uint8Array): Transaction | undefined;
}

/** What is served to a peer. */
export interface EthBackend {
  readonly chain: EthChain;
  readonly pool: EthPool;
}
