/*
 * rawdb: every database key and the layout of every value. Nobody else knows them.
 *
 * Reads take anything with `get`, writes anything with `put` and `delete`, so that one function writes
 * to a store or into an atomic batch. Not found is `undefined`; what is found and cannot be decoded is
 * RAWDB_CORRUPT. Bit rot inside a value is caught one level below, by the checksum of #ethdb.
 *
 * Not here: caches, the choice of the canonical chain (core), tries (#trie), light-client caches.
 */
export { type AsideRow, deleteAside, iterateAside, writeAside } from "./aside.ts";
export {
  type BlockPlace,
  checkSchemaVersion,
  deleteBloomBits,
  deleteBody,
  deleteCanonicalHash,
  deleteFastHeadHash,
  deleteHeader,
  deleteReceipts,
  deleteRecoveryHash,
  deleteTxLookup,
  iterateTxLookups,
  type Reader,
  readBloomBits,
  readBloomSection,
  readBody,
  readBodyRlp,
  readCanonicalHash,
  readChainConfigJson,
  readCliqueSnapshotJson,
  readFastHeadHash,
  readHeadBlockHash,
  readHeader,
  readHeaderNumber,
  readHeadHeaderHash,
  readPivotNumber,
  readPruning,
  readReceipts,
  readReceiptsRlp,
  readRecoveryHash,
  readTd,
  readTxLookup,
  schemaVersion,
  type Writer,
  writeBloomBits,
  writeBloomSection,
  writeBody,
  writeCanonicalHash,
  writeChainConfigJson,
  writeCliqueSnapshotJson,
  writeFastHeadHash,
  writeHeadBlockHash,
  writeHeader,
  writeHeadHeaderHash,
  writePivotNumber,
  writePruning,
  writeReceipts,
  writeRecoveryHash,
  writeTd,
  writeTxLookup,
} from "./chain.ts";
export { RawdbError } from "./errors.ts";
export {
  deleteFlatAccount,
  deleteFlatSlot,
  type FlatPlace,
  iterateFlatKeys,
  iterateFlatSlotKeys,
  readFlatAccount,
  readFlatPlace,
  readFlatSlot,
  writeFlatAccount,
  writeFlatPlace,
  writeFlatSlot,
} from "./flat.ts";
export {
  deleteCode,
  deleteTrieNode,
  readCode,
  readPreimage,
  readTrieNode,
  trieNodeStore,
  writeCode,
  writePreimage,
  writeTrieNode,
} from "./state.ts";
