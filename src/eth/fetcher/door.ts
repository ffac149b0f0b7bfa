import type { BlockFetcher } from "./block-fetcher.ts";
import type { TxFetcher } from "./tx-fetcher.ts";

/** What others need of a `BlockFetcher`. */
export type BlockFetcherDoor = Pick<
  BlockFetcher,
  "notify" | "enqueue" | "removePeer" | "headChanged" | "stop"
>;

/** What others need of a `TxFetcher`. */
export type TxFetcherDoor = Pick<TxFetcher, "notify" | "enqueue" | "removePeer" | "stop">;
