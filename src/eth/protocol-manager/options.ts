import type { BlockChain } from "#core";
import type { Transaction } from "#core/types";
import type { DownloaderDoor } from "#eth/downloader";
import type {
  BlockFetcherDoor,
  BlockFetcherHooks,
  TxFetcherDoor,
  TxFetcherHooks,
  TxVerdict,
} from "#eth/fetcher";
import type { EthVersion } from "#eth/protocols";
import type { Feed } from "#event";
import type { Host } from "#host";
import type { Logger } from "#log";
import { isError } from "#util";

/** What the manager needs of the transaction pool. `TxPool` of #core/txpool fits. */
export interface ManagedPool {
  get(hash: Uint8Array): Transaction | undefined;
  has(hash: Uint8Array): boolean;
  /** Those that could be mined now, oldest first. */
  pending(): readonly Transaction[];
  /** Per transaction undefined, or why it was refused. */
  addRemotes(txs: readonly Transaction[]): readonly (Error | undefined)[];
  /** Transactions that became executable. */
  readonly txEvents: Feed<readonly Transaction[]>;
}

export interface ProtocolManagerOptions {
  readonly chain: BlockChain;
  readonly pool: ManagedPool;
  readonly networkId: bigint;
  readonly maxPeers: number;
  /** State by node data; becomes full sync when the chain has blocks already. */
  readonly fastSync?: boolean | undefined;
  /** Transactions of peers are taken from the start: this node seals. */
  readonly acceptTxs?: boolean | undefined;
  /** There is nothing to catch up with at the start: the chain was given to this node (Trap 21). */
  readonly hasSynced?: boolean | undefined;
  /** Default: see offeredVersions. */
  readonly versions?: readonly EthVersion[] | undefined;
  readonly downloader: DownloaderDoor;
  readonly makeBlockFetcher: (hooks: BlockFetcherHooks) => BlockFetcherDoor;
  readonly makeTxFetcher: (hooks: TxFetcherHooks) => TxFetcherDoor;
  readonly host: Pick<Host, "clock" | "rand">;
  readonly log: Logger;
}

/** What the pool made of a transaction, for the fetcher. */
export function verdictOf(error: Error | undefined): TxVerdict {
  if (error === undefined) return "added";
  if (isError(error, "TXPOOL_ALREADY_KNOWN")) return "known";
  const isCheap = isError(error, "TXPOOL_UNDERPRICED") || isError(error, "TXPOOL_REPLACEMENT_UNDERPRICED");
  return isCheap ? "underpriced" : "invalid";
}
