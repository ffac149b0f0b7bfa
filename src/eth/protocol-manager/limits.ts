/** Numbers of the ProtocolManager. @see geth eth/sync.go:32, eth/handler.go:712 @v1.8.27 */
export const managerLimits = {
  /** With so many peers a new one starts a synchronisation at once. */
  minSyncPeers: 5,
  /** Otherwise with any peer, so often. */
  forceSyncMs: 10_000,
  /** After the merge blocks are not announced: so often so many peers, at random, are asked for the block after our head. */
  pollMs: 2_000,
  polledPeers: 4,
  pollTimeoutMs: 5_000,
  /** Whole blocks go to at least so many peers, if there are. */
  minBlockPeers: 4,
  /** eth/69 peers are told of the range when the head has moved so far. geth eth/handler.go@v1.17.5 */
  rangeStep: 32,
  /** Transactions of a message that are checked before others run: about 4 ms. */
  txsAtOnce: 64,
  /** New transactions that follow upon others within this time are told together. */
  txBurstMs: 100,
} as const;

/** How many of `n` peers get a whole block: max(4, √n), never more than n. */
export function blockRecipients(n: number): number {
  return Math.min(n, Math.max(managerLimits.minBlockPeers, Math.floor(Math.sqrt(n))));
}

/** How many of `n` peers get a whole transaction; the rest hears its hash. geth eth/handler.go:880@v1.9.25 */
export function transactionRecipients(n: number): number {
  return Math.floor(Math.sqrt(n));
}
