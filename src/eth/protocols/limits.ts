/** Bounds of the eth protocol: what this node serves and takes (`ours`, attacks-and-faults §3.2) and what it asks for (`ask`). */
export const ethLimits = {
  /** Bytes of one message, after snappy. geth eth/protocol.go:46@v1.8.27 */
  messageBytes: 10 * 1024 * 1024,
  /** A reply takes no further item beyond this many bytes. */
  softReplyBytes: 2 * 1024 * 1024,
  /** Items served in one reply, and hashes of a request that are looked at; geth since 1.9.26. */
  served: 1024,
  /** What we ask for at most: old peers cut there. geth eth/downloader/downloader.go:39@v1.8.27 */
  ask: { headers: 192, bodies: 128, receipts: 256, nodes: 384, transactions: 256 },
  /** Hashes of one NewBlockHashes message that are read. geth sends one; what follows is not looked at. */
  announcedBlocks: 256,
  /** Transactions of one message; geth drops the sender past it. eth/protocols/eth/protocol.go:55@v1.17.5 */
  transactions: 5_000,
  /** Hashes of one NewPooledTransactionHashes message. caps/eth.md: 4,096 recommended; geth takes 5,000. */
  announcedTransactions: 5_000,
  /** Uncles, logs and topics are bounded by #core/types; blobs of a pooled transaction by the message. */
  nodeBytes: 10 * 1024 * 1024,
  /** Bits of a total difficulty. geth eth/protocols/eth/handshake.go:79@v1.11.6 */
  tdBits: 100,
  /** Both statuses have to be exchanged within it. */
  handshakeTimeoutMs: 5_000,
  /** A request without an answer is given up after it, unless the caller says otherwise. */
  requestTimeoutMs: 10_000,
  /** Replies owed to one peer before reading from it stops. */
  owedReplies: 4,
  /** Hashes a peer is known to have. geth eth/peer.go:39@v1.8.27 */
  knownTransactions: 32_768,
  knownBlocks: 1_024,
  /** Broadcasts that wait for one peer; past it new ones are dropped (blocks) or the oldest (transactions). geth eth/peer.go:42 */
  queuedBlocks: 4,
  queuedAnnouncements: 4,
  queuedTransactions: 4_096,
  /** Bytes of one message of transactions, one oversized transaction allowed. geth eth/sync.go:38@v1.8.27 */
  transactionPackBytes: 100 * 1024,
  /** Hashes in one announcement message: 100 KiB of them. */
  announcementPack: 3_200,
  /** Parents walked off the canonical chain in one header query. */
  sideSteps: 100,
} as const;
