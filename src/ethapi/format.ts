// long: a table of JSON shapes
/** JSON shapes, as geth writes them (internal/ethapi/api.go, core/types/gen_*_json.go @v1.17.5). Pure. */
import {
  type AccessListEntry,
  type Body,
  blockSize,
  createAddress,
  effectiveGasPrice,
  type Header,
  type Log,
  type Receipt,
  senderOf,
  type Transaction,
} from "#core/types";
import { blobBaseFeeOf } from "#eth/gasprice";
import { type ChainConfig, GAS_PER_BLOB } from "#params";
import { type Hex, toHex } from "#util";

/** What JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** A quantity: no leading zeros, zero is 0x0. */
export function quantityHex(value: bigint | number): Hex {
  return `0x${value.toString(16)}`;
}

const optional = <T>(value: T | undefined, format: (value: T) => Json, name: string): JsonObject =>
  value === undefined ? {} : { [name]: format(value) };

/** The members that blocks and headers share; fork members only where the header has them. */
export function formatHeader(header: Header, totalDifficulty?: bigint): JsonObject {
  return {
    number: quantityHex(header.number),
    hash: toHex(header.hash),
    parentHash: toHex(header.parentHash),
    nonce: toHex(header.nonce),
    mixHash: toHex(header.mixDigest),
    sha3Uncles: toHex(header.unclesHash),
    logsBloom: toHex(header.bloom),
    stateRoot: toHex(header.stateRoot),
    miner: toHex(header.coinbase),
    difficulty: quantityHex(header.difficulty),
    extraData: toHex(header.extra),
    gasLimit: quantityHex(header.gasLimit),
    gasUsed: quantityHex(header.gasUsed),
    timestamp: quantityHex(header.time),
    transactionsRoot: toHex(header.txRoot),
    receiptsRoot: toHex(header.receiptRoot),
    ...optional(header.baseFee, quantityHex, "baseFeePerGas"),
    ...optional(header.withdrawalsRoot, toHex, "withdrawalsRoot"),
    ...optional(header.blobGasUsed, quantityHex, "blobGasUsed"),
    ...optional(header.excessBlobGas, quantityHex, "excessBlobGas"),
    ...optional(header.parentBeaconRoot, toHex, "parentBeaconBlockRoot"),
    ...optional(header.requestsHash, toHex, "requestsHash"),
    ...optional(totalDifficulty, quantityHex, "totalDifficulty"),
  };
}

/** A newHeads notification: geth's header JSON, where absent fork members are null. */
export function formatNewHead(header: Header): JsonObject {
  const forks = {
    baseFeePerGas: null,
    withdrawalsRoot: null,
    blobGasUsed: null,
    excessBlobGas: null,
    parentBeaconBlockRoot: null,
  };
  return { ...forks, requestsHash: null, ...formatHeader(header) };
}

/** geth's header JSON of today, where members of forks to come are null too. */
export function formatWholeHeader(header: Header): JsonObject {
  return { ...formatNewHead(header), blockAccessListHash: null, slotNumber: null };
}

export interface BlockFormat {
  /** Whole transactions, not only their hashes. */
  readonly fullTransactions: boolean;
  readonly totalDifficulty?: bigint | undefined;
  /** Its transactions are in no block yet. */
  readonly isPending?: boolean | undefined;
}

/** A block with its transactions. */
export function formatBlock(header: Header, body: Body, format: BlockFormat): JsonObject {
  const { fullTransactions, totalDifficulty, isPending = false } = format;
  return {
    ...formatHeader(header, totalDifficulty),
    size: quantityHex(blockSize(header, body)),
    transactions: body.transactions.map((tx, index) =>
      fullTransactions ? formatTransaction(tx, isPending ? undefined : { header, index }) : toHex(tx.hash),
    ),
    uncles: body.uncles.map((uncle) => toHex(uncle.hash)),
    ...optional(body.withdrawals, (list) => list.map(formatWithdrawal), "withdrawals"),
  };
}

export function formatWithdrawal(withdrawal: NonNullable<Body["withdrawals"]>[number]): JsonObject {
  return {
    index: quantityHex(withdrawal.index),
    validatorIndex: quantityHex(withdrawal.validatorIndex),
    address: toHex(withdrawal.address),
    amount: quantityHex(withdrawal.amount),
  };
}

/** An uncle: a block without transactions. */
export function formatUncle(uncle: Header): JsonObject {
  return {
    ...formatHeader(uncle),
    size: quantityHex(blockSize(uncle, { transactions: [], uncles: [] })),
    uncles: [],
  };
}

/** Where a mined transaction stands. */
export interface Place {
  readonly header: Header;
  readonly index: number;
}

/** Only in a block that was imagined without validation is the cap below the base fee: the cap then, as in geth. */
function pricePaid(tx: Transaction, baseFee: bigint | undefined): bigint {
  const cap = tx.maxFeePerGas ?? tx.gasPrice ?? 0n;
  return cap < (baseFee ?? 0n) ? cap : effectiveGasPrice(tx, baseFee);
}

/**
 * A transaction. Without a place it is pending: blockHash, blockNumber, transactionIndex are null (Trap 23, fixed), and
 * gasPrice is its fee cap; in a block it is what was paid. `from`: of one that nobody signed.
 */
export function formatTransaction(tx: Transaction, place?: Place, from?: Uint8Array): JsonObject {
  const isTyped = tx.type !== 0;
  const isFeeMarket = tx.maxFeePerGas !== undefined;
  const chainId = tx.chainId;
  return {
    blockHash: place === undefined ? null : toHex(place.header.hash),
    blockNumber: place === undefined ? null : quantityHex(place.header.number),
    blockTimestamp: place === undefined ? null : quantityHex(place.header.time),
    from: toHex(from ?? senderOf(tx)),
    gas: quantityHex(tx.gas),
    gasPrice: quantityHex(
      place === undefined ? (tx.maxFeePerGas ?? tx.gasPrice ?? 0n) : pricePaid(tx, place.header.baseFee),
    ),
    ...(isFeeMarket ? { maxFeePerGas: quantityHex(tx.maxFeePerGas ?? 0n) } : {}),
    ...(isFeeMarket ? { maxPriorityFeePerGas: quantityHex(tx.maxPriorityFeePerGas ?? 0n) } : {}),
    ...optional(tx.maxFeePerBlobGas, quantityHex, "maxFeePerBlobGas"),
    hash: toHex(tx.hash),
    input: toHex(tx.input),
    nonce: quantityHex(tx.nonce),
    to: tx.to === undefined ? null : toHex(tx.to),
    transactionIndex: place === undefined ? null : quantityHex(place.index),
    value: quantityHex(tx.value),
    type: quantityHex(tx.type),
    ...(isTyped ? { accessList: formatAccessList(tx.accessList ?? []) } : {}),
    ...(chainId === undefined || (!isTyped && chainId === 0n) ? {} : { chainId: quantityHex(chainId) }),
    ...optional(tx.blobVersionedHashes, (hashes) => hashes.map(toHex), "blobVersionedHashes"),
    ...optional(tx.authorizationList, (list) => list.map(formatAuthorization), "authorizationList"),
    v: quantityHex(tx.v),
    r: quantityHex(tx.r),
    s: quantityHex(tx.s),
    ...(isTyped ? { yParity: quantityHex(tx.v) } : {}),
  };
}

/** EIP-2930 list. */
export function formatAccessList(list: readonly AccessListEntry[]): Json {
  return list.map(({ address, storageKeys }) => ({
    address: toHex(address),
    storageKeys: storageKeys.map(toHex),
  }));
}

function formatAuthorization(
  authorization: NonNullable<Transaction["authorizationList"]>[number],
): JsonObject {
  return {
    chainId: quantityHex(authorization.chainId),
    address: toHex(authorization.address),
    nonce: quantityHex(authorization.nonce),
    yParity: quantityHex(authorization.yParity),
    r: quantityHex(authorization.r),
    s: quantityHex(authorization.s),
  };
}

/** Where a log stands. */
export interface LogPlace extends Place {
  readonly tx: Transaction;
  /** Place in the block, from 0. */
  readonly logIndex: number;
}

/** A log; `removed` when its block left the chain. */
export function formatLog(log: Log, { header, index, tx, logIndex }: LogPlace, removed = false): JsonObject {
  return {
    address: toHex(log.address),
    topics: log.topics.map(toHex),
    data: toHex(log.data),
    blockNumber: quantityHex(header.number),
    transactionHash: toHex(tx.hash),
    transactionIndex: quantityHex(index),
    blockHash: toHex(header.hash),
    blockTimestamp: quantityHex(header.time),
    logIndex: quantityHex(logIndex),
    removed,
  };
}

/** A block's receipts and what they need beside them. The lists are of one length: both are proven against the header. */
export interface ReceiptFormat {
  readonly header: Header;
  readonly body: Body;
  readonly receipts: readonly Receipt[];
  readonly config: ChainConfig;
}

/** The receipts of a block, in order. */
export function formatReceipts(block: ReceiptFormat): JsonObject[] {
  let logIndex = 0;
  return block.receipts.map(({ logs }, index) => {
    const first = logIndex;
    logIndex += logs.length;
    return formatOne(block, index, first);
  });
}

/** The receipt of one transaction; the senders of the others are not recovered. `undefined` past the last. */
export function formatReceipt(block: ReceiptFormat, index: number): JsonObject | undefined {
  if (index >= block.receipts.length) return undefined;
  const logsBefore = block.receipts.slice(0, index).reduce((sum, { logs }) => sum + logs.length, 0);
  return formatOne(block, index, logsBefore);
}

function formatOne(
  { header, body, receipts, config }: ReceiptFormat,
  index: number,
  firstLog: number,
): JsonObject {
  const [tx, receipt] = [body.transactions[index], receipts[index]];
  if (tx === undefined || receipt === undefined)
    throw new RangeError(`receipt ${index} of block ${header.number} has no transaction`);
  const gasUsed = receipt.cumulativeGasUsed - (receipts[index - 1]?.cumulativeGasUsed ?? 0n);
  const from = senderOf(tx);
  return {
    blockHash: toHex(header.hash),
    blockNumber: quantityHex(header.number),
    transactionHash: toHex(tx.hash),
    transactionIndex: quantityHex(index),
    from: toHex(from),
    to: tx.to === undefined ? null : toHex(tx.to),
    gasUsed: quantityHex(gasUsed),
    cumulativeGasUsed: quantityHex(receipt.cumulativeGasUsed),
    contractAddress: tx.to === undefined ? toHex(createAddress(from, tx.nonce)) : null,
    logs: receipt.logs.map((log, i) => formatLog(log, { header, index, tx, logIndex: firstLog + i })),
    logsBloom: toHex(receipt.bloom),
    type: quantityHex(tx.type),
    effectiveGasPrice: quantityHex(effectiveGasPrice(tx, header.baseFee)),
    ...(receipt.postState === undefined
      ? { status: quantityHex(receipt.status ?? 0) }
      : { root: toHex(receipt.postState) }),
    ...(tx.blobVersionedHashes === undefined
      ? {}
      : {
          blobGasUsed: quantityHex(BigInt(tx.blobVersionedHashes.length) * GAS_PER_BLOB),
          blobGasPrice: quantityHex(blobBaseFeeOf(config, header)),
        }),
  };
}
