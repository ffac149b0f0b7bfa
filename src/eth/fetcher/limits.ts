/** Bounds of what peers announce (eth/fetcher/block_fetcher.go:35, tx_fetcher.go:37 @v1.11.6). */
export const limits = {
  /** How long the whole block, or transaction, may still come by itself. */
  arriveMs: 500,
  /** What is due this much later is asked for together with what is due now. */
  gatherMs: 100,
  /** A request that is not answered for this long is given up. */
  fetchMs: 5000,
  /** Blocks further below or above our head are of no use. */
  maxBelow: 7,
  maxAbove: 32,
  /** Open announcements, and waiting blocks, of one peer. */
  blockAnnounces: 256,
  queuedBlocks: 64,
  /** Bytes of all waiting blocks that are not next in line: 64 blocks of 10 MiB from each of 50 peers would be 31 GiB. Ours. */
  queuedBlockBytes: 64 * 1024 * 1024,
  /** Open announcements of transactions of one peer. */
  txAnnounces: 4096,
  /** Transactions of one request: so many, or so many announced bytes. */
  txsPerFetch: 256,
  txBytesPerFetch: 128 * 1024,
  /** Hashes remembered of transactions that were too cheap. */
  underpriced: 32_768,
  /** And for how long: prices fall. geth eth/fetcher/tx_fetcher.go:73@v1.17.5 */
  underpricedMs: 5 * 60_000,
  /** Bytes by which an announced size may be off: not everybody counts the list header alike. */
  sizeSlack: 8,
  /** Requests in a row that a peer leaves unanswered. */
  maxTimeouts: 3,
} as const;
