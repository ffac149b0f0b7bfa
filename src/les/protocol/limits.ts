/**
 * Most items of one request, by message. The client never asks for more, the server refuses more (LE-03).
 * @see geth les/handler.go:48-61@v1.8.27 (unchanged up to v1.11.6)
 */
export const lesLimits = {
  /** Bytes of one message, after snappy. geth les/protocol.go:54@v1.11.6 */
  messageBytes: 10 * 1024 * 1024,
  /** The server stops adding items to a reply beyond this many bytes. geth les/handler.go:43@v1.8.27 */
  softReplyBytes: 2 * 1024 * 1024,
  headers: 192,
  bodies: 32,
  receipts: 128,
  codes: 64,
  proofs: 64,
  helperProofs: 64,
  sendTxs: 64,
  txStatuses: 256,
  /** Bytes of keys and values, eight more each, in a status or announcement. geth les/peer.go:48@v1.11.6 */
  updateBytes: 100_000,
  /** Entries of a key-value list; ours. geth bounds the bytes only. */
  updateKeys: 64,
  /** Rows of a cost table; ours: there are eight priced messages. */
  costRows: 64,
  /** Bits of a total difficulty. geth les/protocol.go:259@v1.11.6 */
  tdBits: 100,
  /** Milliseconds for the other side's status to arrive. geth les/peer.go:63@v1.11.6 */
  handshakeTimeoutMs: 5_000,
  /** Blocks a server's promise of recent state or bodies may lag behind. geth les/protocol.go:55@v1.11.6 */
  blockSafetyMargin: 4,
  /** Reply nodes of one proof message; ours: 64 proofs of at most 65 nodes, account path included. */
  proofNodes: 64 * 65 * 2,
} as const;
