/*
 * eth/fetcher: what peers announce by hash. Blocks: announced, fetched, verified, sent on, imported, announced.
 * Transactions: announced, asked for from one of those who have them, given to the pool. Both decide in plain state
 * machines with the clock as an argument; every list a peer feeds is bounded (limits.ts).
 *
 * Not here: wire messages (#eth/protocols), synchronising from afar (#eth/downloader), the pool (#core/txpool).
 */
export { BlockFetcher } from "./block-fetcher.ts";
export { FetcherError } from "./errors.ts";
export type {
  BlockAnnouncement,
  BlockFetcherHooks,
  BlockSource,
  FetcherHost,
  FetchOptions,
  TxAnnouncement,
  TxFetcherHooks,
  TxSource,
  TxVerdict,
} from "./types.ts";
export type { BlockFetcherDoor, TxFetcherDoor } from "./door.ts";
export { limits } from "./limits.ts";
export { TxFetcher } from "./tx-fetcher.ts";
