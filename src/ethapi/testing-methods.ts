// long: one method, from its attributes to the payload
/** testing_buildBlockV1: a block on the head that is made and told, and not kept (eth/catalyst/api_testing.go@v1.17.5). */
import { nextGasLimit } from "#consensus";
import {
  decodeTransaction,
  effectiveGasPrice,
  emptyTxRoot,
  emptyUnclesHash,
  encodeTransaction,
  type Header,
  makeHeader,
  mergeBlooms,
  type Receipt,
  receiptRoot,
  type Transaction,
  txRoot,
  withdrawalsRoot,
} from "#core/types";
import { openBlock, type StateDiff, VmError } from "#core/vm";
import { baseFeeAfter, nextExcessBlobGas } from "#eth/gasprice";
import { rulesAt } from "#params";
import {
  address,
  bytes,
  type Decoded,
  hash,
  json,
  list,
  method,
  type Method,
  object,
  optional,
  uint53,
} from "#rpc";
import { equalBytes, GlimError, toHex } from "#util";
import type { CallContext } from "./backend.ts";
import { withdrawalList } from "./call-params.ts";
import { EthApiError } from "./errors.ts";
import { formatWithdrawal, type JsonObject, quantityHex } from "./format.ts";
import type { Parts } from "./parts.ts";

/** What geth's gas limits move towards (miner.DefaultConfig.GasCeil). */
const GAS_CEILING = 60_000_000n;
const MAX_TRANSACTIONS = 10_000;
const ZERO_HASH = new Uint8Array(32);

const attributes = object({
  timestamp: uint53,
  prevRandao: hash,
  suggestedFeeRecipient: address,
  withdrawals: optional(withdrawalList),
  parentBeaconBlockRoot: optional(hash),
});

interface Order {
  readonly parent: Header;
  readonly attributes: Decoded<typeof attributes>;
  readonly extra: Uint8Array;
}

const refuse = (reason: string) => EthApiError("FAILED", { reason });

function draft({ backend }: Parts, { parent, attributes: wanted, extra }: Order): Header {
  const { chainConfig } = backend;
  const place = { number: parent.number + 1, time: wanted.timestamp, difficulty: 0n };
  const rules = rulesAt(chainConfig, place);
  if (!rules.isMerge) throw refuse("blocks before the merge are not made here");
  if (place.time <= parent.time) throw refuse(`invalid timestamp, parent ${parent.time} given ${place.time}`);
  return makeHeader({
    ...{ ...place, parentHash: parent.hash, unclesHash: emptyUnclesHash, extra, gasUsed: 0n },
    ...{ stateRoot: ZERO_HASH, txRoot: emptyTxRoot, receiptRoot: emptyTxRoot, bloom: new Uint8Array(256) },
    ...{ coinbase: wanted.suggestedFeeRecipient, mixDigest: wanted.prevRandao, nonce: new Uint8Array(8) },
    gasLimit: nextGasLimit(chainConfig, parent, rules.isLondon, GAS_CEILING),
    baseFee: baseFeeAfter(chainConfig, parent) ?? 0n,
    ...(rules.isShanghai ? { withdrawalsRoot: withdrawalsRoot(wanted.withdrawals ?? []) } : {}),
    ...(rules.isCancun
      ? {
          blobGasUsed: 0n,
          excessBlobGas: nextExcessBlobGas(chainConfig, parent) ?? 0n,
          parentBeaconRoot: wanted.parentBeaconBlockRoot ?? ZERO_HASH,
        }
      : {}),
  });
}

/** A transaction of the pool that cannot be in this block is left out; one that was asked for ends the whole. */
const isTransactionsFault = (error: unknown) =>
  VmError.is(error, "BAD_TRANSACTION") || (error instanceof GlimError && error.code.startsWith("TYPES_"));

async function build(
  parts: Parts,
  order: Order,
  asked: readonly Transaction[] | undefined,
  ctx: CallContext,
) {
  const { backend, bounds, clock, limits, view } = parts;
  const { parent, attributes: wanted } = order;
  const header = draft(parts, order);
  const reader = await view.state({ header: parent, isPending: false }, ctx);
  const execution = await openBlock(backend.chainConfig, header, reader, {
    ...{ ...bounds, clock, signal: ctx.signal, timeoutMs: limits.callTimeoutMs },
    blockHash: view.ancestorHash(parent, ctx),
  });
  const included: Transaction[] = [];
  for (const tx of asked ?? backend.pendingTransactions()) {
    try {
      await execution.apply(tx);
      included.push(tx);
    } catch (error) {
      if (asked !== undefined || !isTransactionsFault(error)) throw error;
    }
  }
  const withdrawals = header.withdrawalsRoot === undefined ? undefined : (wanted.withdrawals ?? []);
  const result = await execution.finish({ withdrawals });
  const { receipts, gasUsed, blobGasUsed, requests = [], requestsHash } = result;
  const made = makeHeader({
    ...header,
    stateRoot: rootAfter(parts, parent, result.diff),
    txRoot: txRoot(included),
    receiptRoot: receiptRoot(receipts),
    bloom: mergeBlooms(receipts.map(({ bloom }) => bloom)),
    gasUsed,
    ...(header.blobGasUsed === undefined ? {} : { blobGasUsed }),
    ...(requestsHash === undefined ? {} : { requestsHash }),
  });
  return { header: made, included, receipts, withdrawals, requests };
}

function rootAfter({ backend }: Parts, parent: Header, diff: StateDiff): Uint8Array {
  if (backend.imaginedRoot === undefined) throw refuse("a node without the tries makes no blocks");
  return backend.imaginedRoot(parent)(diff);
}

/** What the author earns: tips. Wei. */
function valueOf(
  { baseFee }: Header,
  included: readonly Transaction[],
  receipts: readonly Receipt[],
): bigint {
  let before = 0n;
  let value = 0n;
  for (const [i, tx] of included.entries()) {
    const { cumulativeGasUsed = before } = receipts[i] ?? {};
    value += (cumulativeGasUsed - before) * (effectiveGasPrice(tx, baseFee) - (baseFee ?? 0n));
    before = cumulativeGasUsed;
  }
  return value;
}

/** The Engine API's envelope (beacon/engine/types.go@v1.17.5). */
function envelope({
  header,
  included,
  receipts,
  withdrawals,
  requests,
}: Awaited<ReturnType<typeof build>>): JsonObject {
  const { blobGasUsed, excessBlobGas } = header;
  const blobs = blobGasUsed === undefined ? {} : { blobGasUsed: quantityHex(blobGasUsed) };
  const executionPayload = {
    parentHash: toHex(header.parentHash),
    feeRecipient: toHex(header.coinbase),
    stateRoot: toHex(header.stateRoot),
    receiptsRoot: toHex(header.receiptRoot),
    logsBloom: toHex(header.bloom),
    prevRandao: toHex(header.mixDigest),
    blockNumber: quantityHex(header.number),
    gasLimit: quantityHex(header.gasLimit),
    gasUsed: quantityHex(header.gasUsed),
    timestamp: quantityHex(header.time),
    extraData: toHex(header.extra),
    baseFeePerGas: quantityHex(header.baseFee ?? 0n),
    blockHash: toHex(header.hash),
    transactions: included.map((tx) => toHex(encodeTransaction(tx))),
    withdrawals: withdrawals?.map(formatWithdrawal) ?? null,
    ...blobs,
    ...(excessBlobGas === undefined ? {} : { excessBlobGas: quantityHex(excessBlobGas) }),
  };
  return {
    executionPayload,
    blockValue: quantityHex(valueOf(header, included, receipts)),
    blobsBundle: { commitments: [], proofs: [], blobs: [] },
    executionRequests: requests.map(toHex),
    shouldOverrideBuilder: false,
  };
}

function decodeAll(encoded: readonly Uint8Array[]): Transaction[] {
  return encoded.map((one, i) => {
    try {
      return decodeTransaction(one);
    } catch (error) {
      if (!(error instanceof GlimError)) throw error;
      throw refuse(`invalid transaction ${i}: ${error.message}`);
    }
  });
}

export function testingMethods(parts: Parts): Record<string, Method> {
  return {
    buildBlockV1: method({
      doc: "A block on the head, of the transactions given or of those that wait, as a payload of the Engine API. Nothing is kept of it.",
      params: [hash, attributes, optional(list(bytes, { max: MAX_TRANSACTIONS })), optional(bytes)],
      result: json,
      isHeavy: true,
      handle: async ([parentHash, wanted, encoded, extra = new Uint8Array(0)], ctx) => {
        const parent = parts.backend.head();
        if (!equalBytes(parent.hash, parentHash)) throw refuse("parentHash is not current head");
        const asked = encoded === undefined ? undefined : decodeAll(encoded);
        return envelope(await build(parts, { parent, attributes: wanted, extra }, asked, ctx));
      },
    }),
  };
}
