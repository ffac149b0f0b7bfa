import { empty, fixed, type Schema, struct, uint53, utf8 } from "#rlp";

/** 0 unknown, 1 queued, 2 pending, 3 included. geth core/tx_pool.go:121@v1.11.6 (the spec's 4 is sent by nobody: see `error`). */
export const txStatusCodes = { unknown: 0, queued: 1, pending: 2, included: 3 } as const;

/** Where a server says a transaction is; unproven. */
export interface TxLookup {
  readonly blockHash: Uint8Array;
  readonly blockNumber: number;
  readonly index: number;
}

/** One entry of a TxStatus reply: what the server claims, not what is so. */
export interface TxStatus {
  readonly status: number;
  /** Present when `status` is 3. */
  readonly lookup?: TxLookup | undefined;
  /** Why the server refused the transaction; empty if it did not. The stranger's text, at most 1,024 bytes. */
  readonly error: string;
}

const lookupSchema: Schema<TxLookup> = struct({ blockHash: fixed(32), blockNumber: uint53, index: uint53 });

/** No lookup is an empty list or an empty string, by geth's version. */
const optionalLookup: Schema<TxLookup | undefined> = {
  shape: { kind: "choice", of: [empty, lookupSchema] },
  read(reader) {
    const head = reader.bytes[reader.pos];
    if (head === 0x80) {
      reader.nextBytes();
      return undefined;
    }
    return head === 0xc0 ? empty.read(reader) : lookupSchema.read(reader);
  },
  write: (writer, value) =>
    value === undefined ? empty.write(writer, undefined) : lookupSchema.write(writer, value),
};

/** @see geth light/odr.go:189@v1.11.6 */
export const txStatusSchema: Schema<TxStatus> = struct({
  status: uint53,
  lookup: optionalLookup,
  error: utf8(1024, { invalid: "replace" }),
});
