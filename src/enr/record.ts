import {
  compressPublicKey,
  decompressPublicKey,
  keccak256,
  type PrivateKey,
  publicKeyOf,
  sign,
  verify,
} from "#crypto";
import { RlpReader, RlpWriter } from "#rlp";
import { GlimError } from "#util";
import { enrEntries, type EnrPair, enrPair, readEntry } from "./entries.ts";
import { EnrError } from "./errors.ts";

/** Most bytes of a record. @see EIP-778 */
export const MAX_RECORD_BYTES = 300;
/** A pair takes two bytes at least, so more items than this are in no record (DI-14). */
const MAX_ITEMS = 2 * MAX_RECORD_BYTES;

/** A node record (EIP-778) whose signature has been verified. Immutable. */
export interface Enr {
  /** Grows with every version of the record; below 2^64. */
  readonly seq: bigint;
  /** Key → value, each value one RLP item; sorted by key. Read with `readEntry`. */
  readonly pairs: ReadonlyMap<string, Uint8Array>;
  /** 64 bytes; whose hash is the node's id. */
  readonly publicKey: Uint8Array;
  /** The whole record as it travels: `rlp([signature, seq, k, v, …])`, at most 300 bytes. */
  readonly bytes: Uint8Array;
}

/**
 * Reads a record and verifies its signature.
 *
 * @param encoded - exactly one record; copied, so that the packet it came in is not kept alive
 * @throws ENR_* (blame: peer): more than 300 bytes, keys unsorted or doubled, a key without value, seq ≥ 2^64, another
 *   identity scheme than v4, a wrong signature (DI-14)
 * @see EIP-778 · geth p2p/enr/enr.go:decodeRecord@v1.17.5
 */
export function decodeEnr(encoded: Uint8Array): Enr {
  if (encoded.length > MAX_RECORD_BYTES) throw EnrError("TOO_BIG", { size: encoded.length });
  const record = encoded.slice();
  const { signature, seq, pairs, contentStart } = readParts(record);
  if (readEntry({ pairs }, enrEntries.id) !== "v4") throw EnrError("UNKNOWN_SCHEME");
  const compressed = readEntry({ pairs }, enrEntries.secp256k1);
  const publicKey = compressed === undefined ? undefined : decompressPublicKey(compressed);
  if (publicKey === undefined) throw EnrError("BAD_KEY");
  const content = listOf(record.subarray(contentStart));
  if (!verify(keccak256(content), signature, publicKey)) throw EnrError("BAD_SIGNATURE");
  return { seq, pairs, publicKey, bytes: record };
}

interface Parts {
  readonly signature: Uint8Array;
  readonly seq: bigint;
  readonly pairs: ReadonlyMap<string, Uint8Array>;
  /** Where the signed part begins: at seq. It ends with the record. */
  readonly contentStart: number;
}

function readParts(record: Uint8Array): Parts {
  try {
    const reader = new RlpReader(record, { maxItems: MAX_ITEMS, maxDepth: 1 });
    const outer = reader.enter();
    if (reader.pos === reader.end) throw EnrError("TOO_FEW");
    reader.nextBytes();
    const signature = reader.view();
    if (reader.pos === reader.end) throw EnrError("TOO_FEW");
    const contentStart = reader.pos;
    const seq = readSeq(reader);
    const pairs = readPairs(reader);
    reader.leave(outer);
    reader.finish();
    return { signature, seq, pairs, contentStart };
  } catch (error) {
    if (error instanceof GlimError && error.code.startsWith("RLP_"))
      throw EnrError("MALFORMED", undefined, { cause: error });
    throw error;
  }
}

function readSeq(reader: RlpReader): bigint {
  const length = reader.nextBytes();
  const digits = reader.view();
  if (length > 8 || digits[0] === 0) throw EnrError("MALFORMED");
  let seq = 0n;
  for (const digit of digits) seq = (seq << 8n) | BigInt(digit);
  return seq;
}

function readPairs(reader: RlpReader): ReadonlyMap<string, Uint8Array> {
  const pairs = new Map<string, Uint8Array>();
  let previous: string | undefined;
  while (reader.pos < reader.end) {
    reader.nextBytes();
    // one character a byte, so that texts sort as bytes do
    const key = String.fromCharCode(...reader.view());
    if (previous !== undefined && key === previous) throw EnrError("DUPLICATE_KEY");
    if (previous !== undefined && key < previous) throw EnrError("NOT_SORTED");
    if (reader.pos === reader.end) throw EnrError("ODD_PAIR");
    const from = reader.pos;
    reader.next();
    pairs.set(key, reader.bytes.subarray(from, reader.stop));
    previous = key;
  }
  return pairs;
}

/** `payload` with a list header before it. */
function listOf(payload: Uint8Array): Uint8Array {
  const writer = new RlpWriter();
  writer.raw(payload);
  writer.closeList(0);
  return writer.finish();
}

/**
 * Makes and signs a record. `id` and `secp256k1` are set by it; of two pairs with one key the later counts.
 *
 * @throws ENR_TOO_BIG_TO_SIGN (caller) above 300 bytes
 */
export function signEnr({ seq, pairs }: { seq: bigint; pairs: Iterable<EnrPair> }, key: PrivateKey): Enr {
  const publicKey = publicKeyOf(key);
  const all = new Map<string, Uint8Array>();
  for (const pair of pairs) all.set(pair.key, pair.value.slice());
  const { id, secp256k1 } = enrEntries;
  for (const own of [enrPair(id, "v4"), enrPair(secp256k1, compressPublicKey(publicKey))])
    all.set(own.key, own.value);
  const sorted = new Map([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
  const signature = sign(keccak256(encodeRecord(sorted, seq)), key).bytes.subarray(0, 64);
  const encoded = encodeRecord(sorted, seq, signature);
  if (encoded.length > MAX_RECORD_BYTES) throw EnrError("TOO_BIG_TO_SIGN", { size: encoded.length });
  return { seq, pairs: sorted, publicKey, bytes: encoded };
}

function encodeRecord(
  pairs: ReadonlyMap<string, Uint8Array>,
  seq: bigint,
  signature?: Uint8Array,
): Uint8Array {
  const writer = new RlpWriter();
  for (const [key, value] of [...pairs].reverse()) {
    writer.raw(value);
    writer.bytes(Uint8Array.from(key, (letter) => letter.charCodeAt(0)));
  }
  writer.bigint(seq);
  if (signature !== undefined) writer.bytes(signature);
  writer.closeList(0);
  return writer.finish();
}

const PREFIX = "enr:";
/** Longest text of a record: 300 bytes in base64. */
const MAX_TEXT = PREFIX.length + 400;

/**
 * Reads the text form `enr:<base64url without padding>`.
 *
 * @throws ENR_BAD_TEXT (blame: environment), with what is wrong with the record as its cause
 */
export function parseEnr(text: string): Enr {
  if (!text.startsWith(PREFIX)) throw EnrError("BAD_TEXT", { why: `missing "enr:" prefix` });
  const body = text.slice(PREFIX.length);
  if (text.length > MAX_TEXT) throw EnrError("BAD_TEXT", { why: "longer than any record" });
  if (!/^[A-Za-z0-9_-]+$/.test(body) || body.length % 4 === 1)
    throw EnrError("BAD_TEXT", { why: "not base64 (URL alphabet, no padding)" });
  const record = new Uint8Array(Buffer.from(body, "base64url"));
  try {
    return decodeEnr(record);
  } catch (cause) {
    if (!EnrError.is(cause)) throw cause;
    throw EnrError("BAD_TEXT", { why: cause.message }, { cause });
  }
}

/** The text form: `enr:` and base64url without padding. */
export function formatEnr({ bytes }: Pick<Enr, "bytes">): string {
  return PREFIX + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64url");
}
