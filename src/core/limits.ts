/** Bounds of chains. */
export const limits = {
  /** Headers in memory. */
  headerCache: 2048,
  /** Total difficulties in memory. */
  tdCache: 4096,
  /** Headers taken by one `insert`: verified in one go, so this bounds how long the process is busy. */
  headersPerInsert: 2048,
  /** Bodies and lists of receipts in memory (core/blockchain.go:90@v1.11.6 has 256 and 32). */
  bodyCache: 256,
  receiptsCache: 64,
  /** Refused blocks kept to look into (core/rawdb badBlockToKeep@v1.17.5). */
  badBlocks: 10,
  /** Trie nodes of one block that an archive remembers to have written: ≤ 532 bytes each. */
  nodesKept: 16_384,
  /** Blocks whose states a full node holds (core/blockchain.go:98@v1.11.6 TriesInMemory). */
  recentStates: 128,
  /** Blocks after which a state is written for the first time; then twice as many, up to `recentStates`. */
  firstStates: 8,
  /** States held when there are many branches. */
  statesHeld: 512,
  /**
   * Blocks of side branches that are kept and not executed, since they begin below the states held: as deep as geth follows
   * a reorg (params/network_params.go FullImmutabilityThreshold@v1.11.6), and their bytes.
   */
  asideBlocks: 90_000,
  asideBytes: 1024 * 1024 * 1024,
  /** Milliseconds of work on blocks after which a state is written though memory is not short. */
  stateMs: 60_000,
  /** Accounts and slots that changed since the flat state was last written, about 600 bytes each. */
  flatChanges: 40_000,
  /** How many may differ between two states for the flat one to go from one to the other at once; about 10 to 20 µs each. */
  flatDifference: 2000,
  /** The same at a start, when nobody waits yet. */
  flatDifferenceAtStart: 20_000,
  /** Bytes of flat rows written before others get a turn. */
  flatBatchBytes: 64 * 1024,
  /** Bytes of trie nodes written before others get a turn. */
  stateBatchBytes: 256 * 1024,
  /** Blocks on top of a section of blooms before it is indexed (params/network_params.go BloomConfirms@v1.9.25). */
  bloomConfirms: 256,
  /** Headers read for a section before others get a turn. */
  bloomsAtOnce: 128,
  /** Vectors of the bloom index in memory: 512 bytes each. */
  bloomVectors: 1024,
  /** Codes in memory: ≤ 24,576 bytes each. */
  codeCache: 64,
  /** Bytes of one block in a file that is imported. */
  importBlockBytes: 16 * 1024 * 1024,
  /** Blocks between two reports of progress, and between two flushes to disk. */
  importProgress: 256,
  /** Milliseconds between two reports of an import that has a clock. */
  importProgressMs: 2000,
  /** Bytes of blocks and states that may wait in memory for the disk. */
  unflushedBytes: 16 * 1024 * 1024,
  /** Blocks, and bytes of them, that an import reads before it inserts them. */
  importBatch: 32,
  importBatchBytes: 1024 * 1024,
  /** Transactions whose senders are recovered in one go beside the main thread, and how many such goes are ahead of the execution. */
  sendersAtOnce: 128,
  sendersAhead: 4,
  /** Transactions or receipts from which on their root is computed beside the main thread (docs/design/trie-hashing.md). */
  longList: 512,
  /** Milliseconds of work after which long loops let others run. */
  yieldAfterMs: 10,
  /** What `verifyChain` tells one by one; the rest is counted. */
  findings: 1000,
  /** Hashes that `verifyChain` remembers to have seen, about 100 bytes each. */
  verifySeen: 1_000_000,
  /** Milliseconds between two reports of `verifyChain`. */
  verifyProgressMs: 2000,
  /** EIP-7934: bytes of a block from Osaka on; the protocol's. */
  maxBlockBytes: 8_388_608,
  /** How far BLOCKHASH looks back. */
  blockHashDepth: 256,
} as const;
