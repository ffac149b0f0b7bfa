/** Bounds of a synchronisation. What is asked of a peer is what geth 1.8 to 1.11 serve (eth/downloader/downloader.go:40@v1.9.25). */
export const limits = {
  headersPerRequest: 192,
  /** Headers of a skeleton: every 192nd. */
  skeletonHeaders: 128,
  bodiesPerRequest: 128,
  receiptsPerRequest: 256,
  nodesPerRequest: 384,
  /** Headers known and not yet imported. */
  queuedHeaders: 32_768,
  /** Blocks whose parts are being fetched or wait for the import, and the bytes of those parts. */
  queuedResults: 8192,
  queuedResultBytes: 64 * 1024 * 1024,
  /** Blocks given to one insert. */
  blocksPerInsert: 128,
  /** A branch that leaves ours is fetched no further than this unless it has more difficulty (ET-07). */
  sideHeaders: 8192,
  /** How far below our head the common ancestor may be. */
  maxReorg: 90_000,
  /** Fast sync: how far the pivot is below the head, and how far behind it may fall. */
  pivotDistance: 64,
  pivotMaxAge: 128,
  /** Fast sync: how often the master is asked for more headers while the state is fetched. */
  moreHeadersMs: 3000,
  /** Hashes remembered per peer and kind that it does not have. */
  lacking: 4096,
  /** A request that is not answered for this long counts as lost. */
  minDeadlineMs: 2000,
  maxDeadlineMs: 20_000,
  /** Unanswered requests in a row, and slow answers, that cost a peer its place. */
  maxTimeouts: 3,
  maxSlow: 3,
  /** Share of the deadline after which an answer is slow (ET-08). */
  slowShare: 2 / 3,
  /** A cycle that moved nothing forward for this long ends. */
  noProgressMs: 60_000,
  /** Times in a row that a peer may change its chain under a running cycle. */
  maxChanges: 3,
  /** Bytes of complete state entries that are written at once. */
  stateBatchBytes: 256 * 1024,
  /** Registered peers. */
  peers: 1024,
  /** Between two progress events, and how far back rates look. */
  progressMs: 1000,
  rateWindowMs: 30_000,
} as const;

export type DownloaderLimits = { readonly [Name in keyof typeof limits]: number };
