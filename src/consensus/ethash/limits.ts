/** Bounds of this engine; "protocol": every node's. */
export const limits = {
  /** Uncles of a block; protocol (consensus/ethash/consensus.go:43@v1.11.6). */
  maxUncles: 2,
  /** Ancestors whose children can be uncles; protocol. */
  uncleGenerations: 7,
  /** Blocks that must carry the DAO fork's extra-data; protocol (params/dao.go:33@v1.11.6). */
  daoExtraRange: 10,
  /** Epochs known: blocks up to 61,440,000 (geth's tables end there). */
  maxEpoch: 2_047,
  /** Caches kept by a checker: the epoch of now and the one before or after. */
  cachesKept: 2,
  /** Seals whose verdict is remembered; a segment of headers and the uncles of its blocks. */
  sealsKept: 8_192,
} as const;
