/** Bounds of clique's caches (consensus/clique/clique.go:47@v1.11.6) and its defaults. */
export const limits = {
  /** Snapshots in memory. */
  recentSnapshots: 128,
  /** Recovered sealers in memory. */
  recentSealers: 4096,
  /** So few are recovered sooner than a thread is asked. */
  fewSealers: 8,
  /** A snapshot is stored at each multiple of this. */
  storeInterval: 1024,
  /** Blocks between checkpoints when the configuration says 0. */
  defaultEpoch: 30_000,
} as const;
