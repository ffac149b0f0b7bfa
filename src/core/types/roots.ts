import { keccak256 } from "#crypto";
import { encode, encodeAs } from "#rlp";
import { orderedRoot } from "#trie";
import { concatBytes, fromHex } from "#util";
import type { Withdrawal } from "./body.ts";
import { unclesRlp, withdrawalRlp } from "./body-codec.ts";
import type { Header } from "./header.ts";
import type { Receipt } from "./receipt.ts";
import { encodeReceipt } from "./receipt-codec.ts";
import type { Transaction } from "./transaction.ts";
import { encodeTransaction } from "./transaction-codec.ts";

/** keccak256 of the empty list: no uncles. */
export const emptyUnclesHash: Uint8Array = fromHex(
  "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
);
/** Root of the empty trie: no transactions, receipts or withdrawals. */
export const emptyTxRoot: Uint8Array = fromHex(
  "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
);
/** keccak256 of nothing: an account without code. */
export const emptyCodeHash: Uint8Array = fromHex(
  "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
);

/** Roots of lists that live: a downloaded body is compared with its header when it comes and again when its block is inserted. */
const roots = new WeakMap<readonly unknown[], Uint8Array>();

function rootOf<T>(items: readonly T[], encodeItem: (item: T) => Uint8Array): Uint8Array {
  if (items.length === 0) return emptyTxRoot;
  let root = roots.get(items);
  if (root === undefined) roots.set(items, (root = orderedRoot(items.map(encodeItem))));
  return root;
}

export function txRoot(transactions: readonly Transaction[]): Uint8Array {
  return rootOf(transactions, encodeTransaction);
}

export function receiptRoot(receipts: readonly Receipt[]): Uint8Array {
  return rootOf(receipts, encodeReceipt);
}

/** Computes the root of encoded items; `undefined`: it is computed here. */
type RootMaker = (encoded: readonly Uint8Array[]) => Promise<Uint8Array | undefined>;

async function rootBy<T>(
  items: readonly T[],
  encodeItem: (item: T) => Uint8Array,
  make: RootMaker,
): Promise<void> {
  if (items.length === 0 || roots.has(items)) return;
  const encoded = items.map(encodeItem);
  roots.set(items, (await make(encoded)) ?? orderedRoot(encoded));
}

/** Has `txRoot` of a list computed elsewhere: the next call finds it. */
export function prepareTxRoot(transactions: readonly Transaction[], make: RootMaker): Promise<void> {
  return rootBy(transactions, encodeTransaction, make);
}

/** The same for `receiptRoot`. */
export function prepareReceiptRoot(receipts: readonly Receipt[], make: RootMaker): Promise<void> {
  return rootBy(receipts, encodeReceipt, make);
}

export function withdrawalsRoot(withdrawals: readonly Withdrawal[]): Uint8Array {
  return orderedRoot(withdrawals.map((withdrawal) => encodeAs(withdrawalRlp, withdrawal)));
}

export function unclesHash(uncles: readonly Header[]): Uint8Array {
  return uncles.length === 0 ? emptyUnclesHash : keccak256(encodeAs(unclesRlp, uncles));
}

/** Address of the contract that `sender` creates with a transaction or CREATE of that nonce. */
export function createAddress(sender: Uint8Array, nonce: bigint): Uint8Array {
  return keccak256(encode([sender, nonce])).slice(12);
}

/** Address of a CREATE2 (EIP-1014); `salt` is 32 bytes. */
export function create2Address(sender: Uint8Array, salt: Uint8Array, initCode: Uint8Array): Uint8Array {
  return keccak256(concatBytes(Uint8Array.of(0xff), sender, salt, keccak256(initCode))).slice(12);
}
