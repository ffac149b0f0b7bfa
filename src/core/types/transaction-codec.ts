// long: five types, each in three forms
import { keccak256 } from "#crypto";
import {
  address,
  bytes,
  decodeAs,
  encodeAs,
  fixed,
  hash,
  list,
  mapped,
  type RlpReader,
  RlpError,
  type RlpWriter,
  type Schema,
  struct,
  uint53,
  uint64,
  uint256,
} from "#rlp";
import { concatBytes } from "#util";
import { TypesError } from "./errors.ts";
import { MAX_BLOB_HASHES } from "./limits.ts";
import type {
  AccessListEntry,
  Authorization,
  Transaction,
  TransactionFields,
  TransactionType,
} from "./transaction.ts";

/** Empty bytes: creates a contract. */
const to: Schema<Uint8Array | undefined> = {
  shape: { kind: "bytes", min: 0, max: 20 },
  read(reader) {
    const length = reader.nextBytes();
    if (length === 0) return undefined;
    if (length !== 20) throw RlpError("LENGTH", { offset: reader.start, length, want: "0 or 20" });
    return reader.view();
  },
  write: (writer, value) =>
    value === undefined ? writer.bytes(new Uint8Array(0)) : fixed(20).write(writer, value),
};

const accessList: Schema<readonly AccessListEntry[]> = list(struct({ address, storageKeys: list(hash) }));
const authorization: Schema<Authorization> = struct({
  chainId: uint256,
  address,
  nonce: uint64,
  yParity: mapped(uint53, {
    decode: (value) => {
      if (value > 255) throw RlpError("VALUE", { offset: 0, reason: "y parity above 8 bits" });
      return value;
    },
    encode: (value: number) => value,
  }),
  r: uint256,
  s: uint256,
});

const signature = { v: uint256, r: uint256, s: uint256 };
const feeMarket = {
  chainId: uint256,
  nonce: uint64,
  maxPriorityFeePerGas: uint256,
  maxFeePerGas: uint256,
  gas: uint64,
  to,
  value: uint256,
  input: bytes(),
  accessList,
};

/** The fields of each type before its signature, in the order of the wire. Legacy: without EIP-155's three. */
const unsigned = {
  0: { nonce: uint64, gasPrice: uint256, gas: uint64, to, value: uint256, input: bytes() },
  1: {
    chainId: uint256,
    nonce: uint64,
    gasPrice: uint256,
    gas: uint64,
    to,
    value: uint256,
    input: bytes(),
    accessList,
  },
  2: feeMarket,
  3: {
    ...feeMarket,
    to: address,
    maxFeePerBlobGas: uint256,
    blobVersionedHashes: list(hash, { max: MAX_BLOB_HASHES }),
  },
  4: { ...feeMarket, to: address, authorizationList: list(authorization) },
} as const;

type Unhashed = Omit<Transaction, "hash" | "type" | "chainId"> & { chainId?: bigint | undefined };

// each row is a subset of Transaction's fields; `Unhashed` is what all of them have in common, read loosely
const row = (fields: object) =>
  struct(fields as { readonly [name: string]: Schema<unknown> }) as unknown as Schema<Unhashed>;
const signed: Readonly<Record<TransactionType, Schema<Unhashed>>> = {
  0: row({ ...unsigned[0], ...signature }),
  1: row({ ...unsigned[1], ...signature }),
  2: row({ ...unsigned[2], ...signature }),
  3: row({ ...unsigned[3], ...signature }),
  4: row({ ...unsigned[4], ...signature }),
};
const toSign: Readonly<Record<TransactionType, Schema<Unhashed>>> = {
  0: row(unsigned[0]),
  1: row(unsigned[1]),
  2: row(unsigned[2]),
  3: row(unsigned[3]),
  4: row(unsigned[4]),
};
const eip155: Schema<Unhashed> = row({ ...unsigned[0], chainId: uint256, zeroR: uint53, zeroS: uint53 });

/** geth deriveChainId, core/types/transaction.go@v1.11.6: 27, 28 and the impossible 0, 1 are not protected. */
function legacyChainId(v: bigint): bigint | undefined {
  return v < 2n || v === 27n || v === 28n ? undefined : v < 35n ? 0n : (v - 35n) / 2n;
}

function readLegacy(reader: RlpReader): Transaction {
  const from = reader.pos;
  const fields = signed[0].read(reader);
  const chainId = legacyChainId(fields.v);
  const tx = { ...fields, type: 0, hash: keccak256(reader.bytes.subarray(from, reader.pos)) } as const;
  return chainId === undefined ? tx : { ...tx, chainId };
}

function readTyped(encoded: Uint8Array, reader?: RlpReader): Transaction {
  const type = encoded[0];
  if (type === undefined || encoded.length < 2) throw TypesError("TX_EMPTY");
  if (type !== 1 && type !== 2 && type !== 3 && type !== 4) throw TypesError("TX_TYPE", { type });
  const payload = encoded.subarray(1);
  // what stands inside a byte string counts against the message's budget as well
  const fields = decodeAs(signed[type], payload, { maxItems: reader?.left });
  return { ...fields, type, hash: keccak256(encoded) };
}

function writeTransaction(writer: RlpWriter, tx: Transaction): void {
  if (tx.type === 0) signed[0].write(writer, tx);
  else writer.bytes(encodeTransaction(tx));
}

/** As in bodies and lists: a list for legacy, a byte string `type ‖ rlp` for the others. */
export const transactionRlp: Schema<Transaction> = {
  shape: { kind: "choice", of: [bytes(), signed[0]] },
  read(reader) {
    if (reader.peekIsList()) return readLegacy(reader);
    reader.nextBytes();
    return readTyped(reader.view(), reader);
  },
  write: writeTransaction,
};

/**
 * From canonical bytes (eth_sendRawTransaction, les SendTxV2 items): a list, or `type ‖ rlp`.
 * The form with blobs attached is not taken.
 * @throws RLP_*, TYPES_TX_TYPE, TYPES_TX_EMPTY
 */
export function decodeTransaction(encoded: Uint8Array): Transaction {
  const first = encoded[0] ?? 0;
  return first >= 0xc0 ? decodeAs(transactionRlp, encoded) : readTyped(encoded);
}

/** rlp list (legacy) or `type ‖ rlp`: what is hashed, put into the tx root, and sent raw. */
export function encodeTransaction(tx: Omit<Transaction, "hash">): Uint8Array {
  const payload = encodeAs(signed[tx.type], tx);
  return tx.type === 0 ? payload : concatBytes(Uint8Array.of(tx.type), payload);
}

/** The hash that is signed: homestead's without chain id, EIP-155's with, `type ‖ rlp` for the others. */
export function signingHash(tx: TransactionFields): Uint8Array {
  return keccak256(...signingParts(tx));
}

/** What signingHash hashes: for devices that hash themselves. */
export function signingBytes(tx: TransactionFields): Uint8Array {
  return concatBytes(...signingParts(tx));
}

function signingParts(tx: TransactionFields): readonly Uint8Array[] {
  const fields: object = tx;
  const all = fields as Unhashed; // a row writes its own fields and looks at no other
  if (tx.type !== 0) return [Uint8Array.of(tx.type), encodeAs(toSign[tx.type], all)];
  if (tx.chainId === undefined) return [encodeAs(toSign[0], all)];
  return [encodeAs(eip155, { ...all, zeroR: 0, zeroS: 0 } as Unhashed)];
}

/** What is hashed and signed by an EIP-7702 authority, before the 0x05 in front. */
export const authorizationMessage: Schema<Pick<Authorization, "chainId" | "address" | "nonce">> = struct({
  chainId: uint256,
  address,
  nonce: uint64,
});

const sizes = new WeakMap<Transaction, number>();

/** Length of the canonical bytes; measured once. */
export function transactionSize(tx: Transaction): number {
  let size = sizes.get(tx);
  if (size === undefined) sizes.set(tx, (size = encodeTransaction(tx).length));
  return size;
}
