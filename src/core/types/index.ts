/**
 * core/types: what a chain is made of — header, body, transaction of every type, receipt, log, bloom — as plain readonly
 * data, with codecs, hashes, roots and signers. Pure functions; encodings are geth's to the byte.
 *
 * Decoding is strict (canonical RLP, exact lengths, bounded counts: limits.ts) and does not copy: decoded byte fields are
 * views of the input. Wrong bytes throw the RLP_* errors of `#rlp` or the TYPES_* errors here, blame "peer".
 *
 * Not here: whether a header follows from its parent (`#consensus`), state and execution (`#core/state`, `#core/vm`),
 * database keys (`#core/rawdb`), JSON (`#ethapi`).
 */
import type { Schema } from "#rlp";
import type { Rules } from "#params";
import type { PrivateKey } from "#crypto";
import type { Block, Body, Withdrawal } from "./body.ts";
import type { Header, HeaderFields } from "./header.ts";
import type { Log, Receipt } from "./receipt.ts";
import type { Authorization, Transaction, TransactionFields } from "./transaction.ts";

export type { Block, Body, Withdrawal } from "./body.ts";
export type { Header, HeaderFields } from "./header.ts";
export type { Log, Receipt } from "./receipt.ts";
export type { AccessListEntry, Authorization, Transaction, TransactionFields, TransactionType } from "./transaction.ts";

/** RLP shapes, to be put into wire tables and databases. */
export declare const headerRlp: Schema<Header>;
export declare const transactionRlp: Schema<Transaction>;
/** As in bodies and lists: a list for legacy, a byte string `type ‖ rlp` for the others. */
export declare const bodyRlp: Schema<Body>;
export declare const blockRlp: Schema<Block>;
export declare const receiptRlp: Schema<Receipt>;
export declare const withdrawalRlp: Schema<Withdrawal>;
export declare const logRlp: Schema<Log>;

export declare function makeHeader(fields: HeaderFields): Header;
export declare function decodeHeader(bytes: Uint8Array): Header;
export declare function encodeHeader(header: HeaderFields): Uint8Array;
export declare function decodeBlock(bytes: Uint8Array): Block;
export declare function encodeBlock(block: Block): Uint8Array;
export declare function decodeBody(bytes: Uint8Array): Body;
export declare function encodeBody(body: Body): Uint8Array;

/** Canonical bytes: rlp list (legacy) or `type ‖ rlp` — what is hashed, signed into the tx root, and sent raw. */
export declare function encodeTransaction(tx: Transaction): Uint8Array;
export declare function decodeTransaction(bytes: Uint8Array): Transaction;
export declare function transactionSize(tx: Transaction): number;
export declare function signTransaction(fields: TransactionFields, key: PrivateKey): Transaction;
/** The hash that is signed. */
export declare function signingHash(fields: TransactionFields): Uint8Array;
/** 20 bytes; recovered once and remembered. @throws TYPES_BAD_SIGNATURE */
export declare function senderOf(tx: Transaction): Uint8Array;
/** 20 bytes, or undefined if the authorization is not well signed (EIP-7702). */
export declare function authorityOf(authorization: Authorization): Uint8Array | undefined;
/** Throws unless the rules know this type of transaction and this chain id (geth's signer of the block). */
export declare function checkTransactionType(tx: Transaction, rules: Rules): void;
/** Address of the contract that `sender` creates with `nonce`. */
export declare function createAddress(sender: Uint8Array, nonce: bigint): Uint8Array;
/** Address of CREATE2. */
export declare function create2Address(sender: Uint8Array, salt: Uint8Array, initCode: Uint8Array): Uint8Array;

export declare function effectiveGasPrice(tx: Transaction, baseFee: bigint | undefined): bigint;
export declare function intrinsicGas(tx: Pick<Transaction, "input" | "to" | "accessList" | "authorizationList">, rules: Rules): bigint;
/** EIP-7623. */
export declare function floorDataGas(input: Uint8Array): bigint;

export declare function encodeReceipt(receipt: Receipt): Uint8Array;
export declare function decodeReceipt(bytes: Uint8Array): Receipt;
export declare function txRoot(transactions: readonly Transaction[]): Uint8Array;
export declare function receiptRoot(receipts: readonly Receipt[]): Uint8Array;
export declare function unclesHash(uncles: readonly Header[]): Uint8Array;
export declare function withdrawalsRoot(withdrawals: readonly Withdrawal[]): Uint8Array;
/** 256 bytes. */
export declare function bloomOf(logs: readonly Log[]): Uint8Array;
/** False: surely not in any log; true: maybe. `value` is an address or a topic. */
export declare function bloomContains(bloom: Uint8Array, value: Uint8Array): boolean;
export declare function mergeBlooms(blooms: readonly Uint8Array[]): Uint8Array;

export declare const emptyUnclesHash: Uint8Array;
export declare const emptyTxRoot: Uint8Array;
export declare const emptyCodeHash: Uint8Array;
