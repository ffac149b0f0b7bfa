/** `extra` of a header, bytes (geth Header.SanityCheck, core/types/block.go@v1.11.6: 100 KiB). Clique puts its signers there. */
export const MAX_HEADER_EXTRA = 100 * 1024;
/** `difficulty` of a header, bits (the same place). */
export const MAX_DIFFICULTY_BITS = 80;
/** Uncles in a body. Consensus allows 2; the decoder only keeps the count from growing without bound. */
export const MAX_UNCLES = 32;
/** Topics of a log (LOG4). */
export const MAX_TOPICS = 4;
/** Blob hashes of one transaction. The largest block schedule so far allows 21 in a block. */
export const MAX_BLOB_HASHES = 128;
