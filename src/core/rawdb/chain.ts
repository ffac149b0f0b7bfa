// long: a table: read, write and delete of every row of a chain
import {
  type Body,
  decodeBody,
  decodeHeader,
  encodeBody,
  encodeHeader,
  type Header,
  type Receipt,
  receiptRlp,
} from "#core/types";
import type { KeyValueStore } from "#ethdb";
import { decodeAs, encodeAs, list } from "#rlp";
import { bigintToBytes, bytesToBigint, toHex, utf8Decode, utf8Encode } from "#util";
import { RawdbError } from "./errors.ts";
import { bloomKeys, decodeNumber, encodeNumber, fixedKeys, keys, txLookupRange } from "./keys.ts";

/** What reads need. A `KeyValueStore` of #ethdb fits. */
export interface Reader {
  get(key: Uint8Array): Uint8Array | undefined;
}

/** What writes need. A `KeyValueStore` fits, and so does a `Batch`. */
export interface Writer {
  put(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): void;
}

/** What names a block where the rows of a height lie together. */
export interface BlockPlace {
  readonly number: number;
  /** 32 bytes. */
  readonly hash: Uint8Array;
}

const receiptsRlp = list(receiptRlp);

/** Version of the layout in keys.ts; raised when an old database cannot be read any more. */
export const schemaVersion = 1;

function parse<T>(what: string, key: Uint8Array, value: Uint8Array, decode: (bytes: Uint8Array) => T): T {
  try {
    return decode(value);
  } catch (cause) {
    throw RawdbError("CORRUPT", { what, key: toHex(key) }, { cause });
  }
}

function readAs<T>(
  db: Reader,
  what: string,
  key: Uint8Array,
  decode: (bytes: Uint8Array) => T,
): T | undefined {
  const value = db.get(key);
  return value === undefined ? undefined : parse(what, key, value, decode);
}

const asHash = (bytes: Uint8Array) => {
  if (bytes.length !== 32) throw new RangeError("not 32 bytes");
  return bytes;
};

const asNumber = (bytes: Uint8Array) => {
  const number = decodeNumber(bytes);
  if (number === undefined) throw new RangeError("not a number of 8 bytes");
  return number;
};

/**
 * Writes the version into a new database, accepts an equal one.
 * @throws RAWDB_SCHEMA when the database was written with another layout
 */
export function checkSchemaVersion(db: Reader & Writer): void {
  const have = readAs(db, "schema version", fixedKeys.schemaVersion, asNumber);
  if (have === undefined) db.put(fixedKeys.schemaVersion, encodeNumber(schemaVersion));
  else if (have !== schemaVersion) throw RawdbError("SCHEMA", { have, want: schemaVersion });
}

/** Hash of the header that is canonical at this height. */
export function readCanonicalHash(db: Reader, number: number): Uint8Array | undefined {
  return readAs(db, "canonical hash", keys.canonical(number), asHash);
}

export function writeCanonicalHash(db: Writer, number: number, hash: Uint8Array): void {
  db.put(keys.canonical(number), hash);
}

export function deleteCanonicalHash(db: Writer, number: number): void {
  db.delete(keys.canonical(number));
}

/** @returns the header, whichever chain it is on */
export function readHeader(db: Reader, number: number, hash: Uint8Array): Header | undefined {
  return readAs(db, "header", keys.header(number, hash), decodeHeader);
}

/** Writes the header and the row that finds its number by its hash. */
export function writeHeader(db: Writer, header: Header): void {
  db.put(keys.header(header.number, header.hash), encodeHeader(header));
  db.put(keys.headerNumber(header.hash), encodeNumber(header.number));
}

/** Removes the header, its number row and its total difficulty. */
export function deleteHeader(db: Writer, number: number, hash: Uint8Array): void {
  db.delete(keys.header(number, hash));
  db.delete(keys.headerNumber(hash));
  db.delete(keys.td(number, hash));
}

export function readHeaderNumber(db: Reader, hash: Uint8Array): number | undefined {
  return readAs(db, "header number", keys.headerNumber(hash), asNumber);
}

/** Total difficulty up to and including this header. */
export function readTd(db: Reader, number: number, hash: Uint8Array): bigint | undefined {
  return readAs(db, "total difficulty", keys.td(number, hash), bytesToBigint);
}

export function writeTd(db: Writer, number: number, hash: Uint8Array, td: bigint): void {
  db.put(keys.td(number, hash), bigintToBytes(td));
}

export function readBody(db: Reader, number: number, hash: Uint8Array): Body | undefined {
  return readAs(db, "body", keys.body(number, hash), decodeBody);
}

/** The body as RLP, as it goes over the wire: [transactions, uncles, withdrawals?]. */
export function readBodyRlp(db: Reader, number: number, hash: Uint8Array): Uint8Array | undefined {
  return db.get(keys.body(number, hash));
}

export function writeBody(db: Writer, number: number, hash: Uint8Array, body: Body): void {
  db.put(keys.body(number, hash), encodeBody(body));
}

export function deleteBody(db: Writer, number: number, hash: Uint8Array): void {
  db.delete(keys.body(number, hash));
}

export function readReceipts(db: Reader, number: number, hash: Uint8Array): readonly Receipt[] | undefined {
  return readAs(db, "receipts", keys.receipts(number, hash), (bytes) => decodeAs(receiptsRlp, bytes));
}

/** The receipts of one block as RLP, as they go over the wire. */
export function readReceiptsRlp(db: Reader, number: number, hash: Uint8Array): Uint8Array | undefined {
  return db.get(keys.receipts(number, hash));
}

export function writeReceipts(
  db: Writer,
  number: number,
  hash: Uint8Array,
  receipts: readonly Receipt[],
): void {
  db.put(keys.receipts(number, hash), encodeAs(receiptsRlp, receipts));
}

export function deleteReceipts(db: Writer, number: number, hash: Uint8Array): void {
  db.delete(keys.receipts(number, hash));
}

/** Number of the canonical block that holds this transaction. */
export function readTxLookup(db: Reader, txHash: Uint8Array): number | undefined {
  return readAs(db, "transaction lookup", keys.txLookup(txHash), asNumber);
}

export function writeTxLookup(db: Writer, txHash: Uint8Array, number: number): void {
  db.put(keys.txLookup(txHash), encodeNumber(number));
}

export function deleteTxLookup(db: Writer, txHash: Uint8Array): void {
  db.delete(keys.txLookup(txHash));
}

/** Every row that finds a transaction, in the order of hashes. */
export async function* iterateTxLookups(
  db: KeyValueStore,
): AsyncGenerator<{ txHash: Uint8Array; number: number }> {
  for await (const [key, value] of db.iterate(txLookupRange)) {
    if (key.length !== 33) continue; // a trie node whose hash begins with the same byte
    yield { txHash: key.subarray(1), number: parse("transaction lookup", key, value, asNumber) };
  }
}

/** Hash of the last header of the canonical chain. */
export function readHeadHeaderHash(db: Reader): Uint8Array | undefined {
  return readAs(db, "head header", fixedKeys.headHeader, asHash);
}

export function writeHeadHeaderHash(db: Writer, hash: Uint8Array): void {
  db.put(fixedKeys.headHeader, hash);
}

/** Hash of the last block of the canonical chain that has body, receipts and state. */
export function readHeadBlockHash(db: Reader): Uint8Array | undefined {
  return readAs(db, "head block", fixedKeys.headBlock, asHash);
}

export function writeHeadBlockHash(db: Writer, hash: Uint8Array): void {
  db.put(fixedKeys.headBlock, hash);
}

/** Hash of the last block that fast sync stored: header, body, receipts, no state. */
export function readFastHeadHash(db: Reader): Uint8Array | undefined {
  return readAs(db, "head of fast sync", fixedKeys.fastHead, asHash);
}

export function writeFastHeadHash(db: Writer, hash: Uint8Array): void {
  db.put(fixedKeys.fastHead, hash);
}

export function deleteFastHeadHash(db: Writer): void {
  db.delete(fixedKeys.fastHead);
}

/** Number of the block at which fast sync went over to executing: blocks before it have no state. */
export function readPivotNumber(db: Reader): number | undefined {
  return readAs(db, "pivot", fixedKeys.pivot, asNumber);
}

export function writePivotNumber(db: Writer, number: number): void {
  db.put(fixedKeys.pivot, encodeNumber(number));
}

/** Hash of the last header of a section of blooms whose bits are stored. */
export function readBloomSection(db: Reader, section: number): Uint8Array | undefined {
  return readAs(db, "section of blooms", bloomKeys.section(section), asHash);
}

export function writeBloomSection(db: Writer, section: number, hash: Uint8Array): void {
  db.put(bloomKeys.section(section), hash);
}

/** One bit of the blooms of a section, one bit for each block; undefined: no bloom has it. */
export function readBloomBits(
  db: Reader,
  bit: number,
  section: number,
  hash: Uint8Array,
): Uint8Array | undefined {
  return db.get(bloomKeys.bits(bit, section, hash));
}

/** `bits`: not all zero; such a row is left out. */
export function writeBloomBits(
  db: Writer,
  place: { readonly bit: number; readonly section: number; readonly hash: Uint8Array },
  bits: Uint8Array,
): void {
  db.put(bloomKeys.bits(place.bit, place.section, place.hash), bits);
}

export function deleteBloomBits(
  db: Writer,
  place: { readonly bit: number; readonly section: number; readonly hash: Uint8Array },
): void {
  db.delete(bloomKeys.bits(place.bit, place.section, place.hash));
}

/** Hash of the head that was, when its state was lost in a crash and is to be made again. */
export function readRecoveryHash(db: Reader): Uint8Array | undefined {
  return readAs(db, "head to recover", fixedKeys.recovery, asHash);
}

export function writeRecoveryHash(db: Writer, hash: Uint8Array): void {
  db.put(fixedKeys.recovery, hash);
}

export function deleteRecoveryHash(db: Writer): void {
  db.delete(fixedKeys.recovery);
}

/** True if this database was ever used without keeping the state of every block. */
export function readPruning(db: Reader): boolean {
  return db.get(fixedKeys.pruning) !== undefined;
}

export function writePruning(db: Writer): void {
  db.put(fixedKeys.pruning, Uint8Array.of(1));
}

/** The chain configuration this genesis was set up with, as JSON text. */
export function readChainConfigJson(db: Reader, genesisHash: Uint8Array): string | undefined {
  return readAs(db, "chain configuration", keys.config(genesisHash), utf8Decode);
}

export function writeChainConfigJson(db: Writer, genesisHash: Uint8Array, json: string): void {
  db.put(keys.config(genesisHash), utf8Encode(json));
}

/** Text that consensus/clique made of its snapshot at this block. */
export function readCliqueSnapshotJson(db: Reader, hash: Uint8Array): string | undefined {
  return readAs(db, "clique snapshot", keys.cliqueSnapshot(hash), utf8Decode);
}

export function writeCliqueSnapshotJson(db: Writer, hash: Uint8Array, json: string): void {
  db.put(keys.cliqueSnapshot(hash), utf8Encode(json));
}
