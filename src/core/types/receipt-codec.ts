import {
  address,
  bytes,
  decodeAs,
  encodeAs,
  fixed,
  hash,
  list,
  RlpError,
  type Schema,
  struct,
  uint64,
} from "#rlp";
import { concatBytes } from "#util";
import { TypesError } from "./errors.ts";
import { MAX_TOPICS } from "./limits.ts";
import type { Log, Receipt } from "./receipt.ts";
import type { TransactionType } from "./transaction.ts";

export const logRlp: Schema<Log> = struct({
  address,
  topics: list(hash, { max: MAX_TOPICS }),
  data: bytes(),
});

/** Empty: failed; 0x01: succeeded; 32 bytes: state root (before Byzantium). geth setStatus, core/types/receipt.go@v1.9.25 */
const outcome: Schema<Uint8Array> = {
  shape: { kind: "bytes", min: 0, max: 32 },
  read(reader) {
    const length = reader.nextBytes();
    const good = length === 0 || length === 32 || (length === 1 && reader.bytes[reader.start] === 1);
    if (!good) throw RlpError("VALUE", { offset: reader.start, reason: "invalid receipt status" });
    return reader.view();
  },
  write: (writer, value) => writer.bytes(value),
};
const payload = struct({ outcome, cumulativeGasUsed: uint64, bloom: fixed(256), logs: list(logRlp) });
type Payload = ReturnType<typeof payload.read>;

const FAILED = new Uint8Array(0);
const SUCCEEDED = Uint8Array.of(1);

function fromPayload({ outcome: made, ...rest }: Payload, type: TransactionType): Receipt {
  return made.length === 32
    ? { type, postState: made, ...rest }
    : { type, status: made.length === 1 ? 1 : 0, ...rest };
}

function toPayload(receipt: Receipt): Payload {
  const made = receipt.postState ?? (receipt.status === 1 ? SUCCEEDED : FAILED);
  return {
    outcome: made,
    cumulativeGasUsed: receipt.cumulativeGasUsed,
    bloom: receipt.bloom,
    logs: receipt.logs,
  };
}

function decodeTyped(encoded: Uint8Array, maxItems?: number): Receipt {
  const type = encoded[0];
  if (type !== 1 && type !== 2 && type !== 3 && type !== 4)
    throw TypesError("RECEIPT", { reason: `unknown type ${type ?? "none"}` });
  return fromPayload(decodeAs(payload, encoded.subarray(1), { maxItems }), type);
}

/** As in lists on the wire: a list for legacy, a byte string `type ‖ rlp` for the others. */
export const receiptRlp: Schema<Receipt> = {
  shape: { kind: "choice", of: [bytes(), payload] },
  read(reader) {
    if (reader.peekIsList()) return fromPayload(payload.read(reader), 0);
    reader.nextBytes();
    return decodeTyped(reader.view(), reader.left);
  },
  write(writer, receipt) {
    if (receipt.type === 0) payload.write(writer, toPayload(receipt));
    else writer.bytes(encodeReceipt(receipt));
  },
};

/** Consensus form, an item of the receipt trie: rlp, or `type ‖ rlp`. */
export function encodeReceipt(receipt: Receipt): Uint8Array {
  const encoded = encodeAs(payload, toPayload(receipt));
  return receipt.type === 0 ? encoded : concatBytes(Uint8Array.of(receipt.type), encoded);
}

/** @throws RLP_*, TYPES_RECEIPT */
export function decodeReceipt(encoded: Uint8Array): Receipt {
  return (encoded[0] ?? 0) >= 0xc0 ? decodeAs(receiptRlp, encoded) : decodeTyped(encoded);
}

const receiptsRlp = list(receiptRlp);

/** The receipts of one block as a list, each as `receiptRlp`: the form of the wire (eth/63 to 68, les) and of our database. */
export function encodeReceipts(receipts: readonly Receipt[]): Uint8Array {
  return encodeAs(receiptsRlp, receipts);
}

/** @throws RLP_*, TYPES_RECEIPT */
export function decodeReceipts(encoded: Uint8Array): readonly Receipt[] {
  return decodeAs(receiptsRlp, encoded);
}
