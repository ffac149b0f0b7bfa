/*
 * eth/downloader: brings a chain up to a peer's head. Full (every block executed), fast (receipts, and the state of a
 * recent block by node data), headers alone. Peers are an interface declared here; decisions (ancestor search,
 * skeleton, queues, rates, trie schedule) are plain state machines, a thin driver sends requests and imports.
 *
 * Every queue a peer feeds is bounded (limits.ts); whoever lies, stalls or withholds is dropped with the exact error.
 *
 * Not here: wire messages and handshakes (#eth/protocols), when to sync and with whom (#eth), announced blocks
 * (#eth/fetcher), verification and execution (#core).
 */
export {
  type DownloadEvent,
  Downloader,
  type DownloaderDoor,
  type DownloaderOptions,
  type SynchroniseOptions,
} from "./downloader.ts";
export { DownloaderError } from "./errors.ts";
export { type DownloaderLimits, limits } from "./limits.ts";
export type { DownloadPeer, HeadersQuery, RemoteHead, RequestOptions } from "./peer.ts";
export type { DownloadProgress, SyncMode } from "./progress.ts";
