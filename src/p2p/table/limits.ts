/** Sizes and times of the table; geth p2p/discover/table.go:40-58, common.go, table_reval.go @v1.17.5. */
export const tableLimits = {
  /** Queries of a lookup at once. */
  alpha: 3,
  /** BOUNDED: live nodes of one bucket; also how many nodes a lookup finds. */
  bucketSize: 16,
  /** BOUNDED: nodes waiting to replace a dead one, a bucket. */
  replacements: 10,
  /** Buckets: for the upper 17 log distances, all nearer ones share the first. */
  buckets: 17,
  /** Most addresses of one /24 (IPv6: /48) in a bucket, and in the table (DI-06). */
  bucketSubnet: 2,
  tableSubnet: 10,
  /** A node that came to us is left alone for so long: it is at work with us itself. */
  quietMs: 2_000,
  /** Longest time between two pings of nodes not yet proven for long; three times that for the others. */
  pingIntervalMs: 3_000,
  slowFactor: 3,
  /** A refresh comes after half of this to all of it. */
  refreshIntervalMs: 30 * 60_000,
  /** Requests in a row a node may leave unanswered. */
  maxFindFailures: 5,
  /** Nodes taken from the database at a refresh, if they answered in the last five days (DI-08). */
  seeds: 30,
  seedMaxAgeSeconds: 5 * 86_400,
  /** Checks after which a node is worth keeping for the next start. */
  checksToKeep: 5,
  /** Lookups of random ids at a refresh. */
  randomLookups: 3,
  /** Least time between two lookups of a source of random nodes, and what it grows to while they bring nobody new (geth dial.go:46@v1.8.27). */
  lookupIntervalMs: 1_000,
  longestIntervalMs: 4_000,
  /** BOUNDED: nodes such a source knows again. */
  walkMemory: 1024,
  /** How long it waits before it tries again when nobody is known. */
  emptyTableMs: 10_000,
} as const;
