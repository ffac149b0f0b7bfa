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
export { bloomBitsOf, bloomContains, bloomOf, mergeBlooms } from "./bloom.ts";
export type { Block, Body, Withdrawal } from "./body.ts";
export {
  blockRlp,
  blockSize,
  bodyRlp,
  decodeBlock,
  decodeBody,
  encodeBlock,
  encodeBody,
  withdrawalRlp,
} from "./body-codec.ts";
export { checkTransaction } from "./check.ts";
export { checksumAddress } from "./checksum.ts";
export { TypesError } from "./errors.ts";
export { effectiveGasPrice, floorDataGas, intrinsicGas } from "./gas.ts";
export type { Header, HeaderFields } from "./header.ts";
export { decodeHeader, encodeHeader, headerRlp, makeHeader } from "./header-codec.ts";
export type { Log, Receipt } from "./receipt.ts";
export {
  decodeReceipt,
  decodeReceipts,
  encodeReceipt,
  encodeReceipts,
  logRlp,
  receiptRlp,
} from "./receipt-codec.ts";
export {
  create2Address,
  createAddress,
  emptyCodeHash,
  emptyTxRoot,
  emptyUnclesHash,
  prepareReceiptRoot,
  prepareTxRoot,
  receiptRoot,
  txRoot,
  unclesHash,
  withdrawalsRoot,
} from "./roots.ts";
export { authorityOf, checkTransactionType, recoverSenders, senderOf, signTransaction } from "./signer.ts";
export type {
  AccessList,
  AccessListEntry,
  Authorization,
  Transaction,
  TransactionFields,
  TransactionType,
} from "./transaction.ts";
export {
  decodeTransaction,
  encodeTransaction,
  signingBytes,
  signingHash,
  transactionRlp,
  transactionSize,
} from "./transaction-codec.ts";
