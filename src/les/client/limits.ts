/** Timeouts and bounds of the client side. */
export const clientLimits = {
  /** A request not answered within this also goes to another server. geth les/retrieve.go:33@v1.8.27 */
  softTimeoutMs: 500,
  /** So much later its server is dropped. geth les/retrieve.go:30@v1.11.6 */
  hardTimeoutMs: 10_000,
  /** A server that stopped us and does not resume within this is dropped; ours. */
  frozenMs: 10_000,
  /** Messages in flight per server; more wait here and are merged. Ours. */
  messagesInFlight: 8,
  /** While a message is in flight, what comes waits for company as long as a reply takes, within these bounds … */
  gatherMs: { min: 4, max: 10 },
  /** … or until so many wait. Merged, they cost both sides far less than apart. Ours. */
  gatherItems: 16,
  /** Requests under way or waiting; the next one is refused. Ours. */
  pending: 8_192,
  /** Unusable replies (unasked, late beyond use, empty) tolerated per server. geth les/peer.go:46@v1.11.6 */
  badReplies: 50,
  /** Servers at once. attacks-and-faults.md §3.2 */
  servers: 5,
  /** How long a server that lied is refused, and how many are remembered. Ours. */
  banMs: 600_000,
  banned: 1_024,
  /** A read waits so long for a server whose head is still behind the block. Ours. */
  lagMs: 2_000,
  /** Headers of one request. */
  headersPerRequest: 192,
  /** Header requests in flight during a sync; with it at most 1,536 headers wait for verification. */
  headerRequestsInFlight: 8,
  /** Headers to go back in search of a common ancestor; ours. */
  deepestReorg: 192 * 64,
  /** Announced heads remembered per server. geth les/fetcher.go:52@v1.8.27 */
  announcedHeads: 20,
} as const;
