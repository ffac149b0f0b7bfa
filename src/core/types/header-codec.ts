import { keccak256 } from "#crypto";
import {
  address,
  bytes,
  decodeAs,
  encodeAs,
  fixed,
  hash,
  optional,
  RlpError,
  type RlpReader,
  type Schema,
  struct,
  uint53,
  uint64,
  uint256,
} from "#rlp";
import type { Header, HeaderFields } from "./header.ts";
import { MAX_DIFFICULTY_BITS, MAX_HEADER_EXTRA } from "./limits.ts";

/** In geth's order; the tail appeared fork by fork, so a field may only be there if all before it are. */
const fields = struct({
  parentHash: hash,
  unclesHash: hash,
  coinbase: address,
  stateRoot: hash,
  txRoot: hash,
  receiptRoot: hash,
  bloom: fixed(256),
  difficulty: uint256,
  number: uint53,
  gasLimit: uint64,
  gasUsed: uint64,
  time: uint53,
  extra: bytes({ max: MAX_HEADER_EXTRA }),
  mixDigest: hash,
  nonce: fixed(8),
  baseFee: optional(uint256),
  withdrawalsRoot: optional(hash),
  blobGasUsed: optional(uint64),
  excessBlobGas: optional(uint64),
  parentBeaconRoot: optional(hash),
  requestsHash: optional(hash),
});

function readHeader(reader: RlpReader): Header {
  const from = reader.pos;
  const read: { hash?: Uint8Array } & HeaderFields = fields.read(reader);
  if (read.difficulty >> BigInt(MAX_DIFFICULTY_BITS) !== 0n)
    throw RlpError("VALUE", { offset: from, reason: `difficulty above ${MAX_DIFFICULTY_BITS} bits` });
  read.hash = keccak256(reader.bytes.subarray(from, reader.pos));
  return read as Header; // the hash, its only missing field, was set above
}

/** A header; the hash is taken over the bytes as they were read. */
export const headerRlp: Schema<Header> = {
  shape: { kind: "mapped", of: fields },
  read: readHeader,
  write: (writer, header) => fields.write(writer, header),
};

/** Without the hash, which is not looked at. */
export function encodeHeader(header: HeaderFields): Uint8Array {
  return encodeAs(fields, header);
}

/** @throws RLP_* */
export function decodeHeader(encoded: Uint8Array): Header {
  return decodeAs(headerRlp, encoded);
}

/** Completes the fields with their hash. */
export function makeHeader(from: HeaderFields): Header {
  const { hash: _, ...rest } = from as Header; // a whole Header may come in to be changed
  return { ...rest, hash: keccak256(encodeHeader(rest)) };
}
