/** Bounds of the room. */
export const limits = {
  /** Requests naming blocks we do not have that a client may make; one is forgiven an hour (geth les/protocol.go maxRequestErrors). */
  unknownBlocks: 20,
  forgiveAfterMs: 3_600_000,
  /** Messages a frozen client may send before it is dropped: it was told to stop. */
  messagesWhileFrozen: 1024,
  /** A frozen client is let go on after this and as much again by chance (geth les/peer.go freezeTimeBase). */
  freezeBaseMs: 700,
  freezeRandomMs: 600,
  /** While the buffer of a frozen client is under an eighth it is looked at again after this. */
  freezeCheckMs: 100,
  /** Requests of one client that wait for their turn; past it we read no more of them. Its buffer pays for some 800 at most. */
  waitingRequests: 256,
  /** Serving time after which everything else in the process gets its turn, ms. */
  yieldAfterMs: 20,
  /** Serving time that may be used at once after a quiet time, ms. */
  burstMs: 1000,
} as const;
