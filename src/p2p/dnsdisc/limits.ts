/** Bounds of node lists (DI-15). Times and rates are geth's (p2p/dnsdisc/client.go@v1.17.5). */
export const dnsdiscLimits = {
  /** One lookup. */
  lookupMs: 5_000,
  /** A whole list, where all of it is asked for. */
  syncMs: 30_000,
  /** A root is looked up again after this. */
  recheckMs: 30 * 60_000,
  /** Lookups: so many at once, then one in this time. */
  burst: 10,
  everyMs: 333,
  /** Entries kept, of all lists. */
  cachedEntries: 1_000,
  /** Bytes of an entry; one that fits into a UDP answer has 512 at most. */
  entryBytes: 2_048,
  /** Entries of one list. */
  entries: 10_000,
  /** Links from a configured list to one that is still read, and lists read at all. */
  linksDeep: 16,
  lists: 64,
  /** Entries in a row that may fail before the root is looked up again. */
  leafFailures: 5,
} as const;
