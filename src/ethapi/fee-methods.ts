/** Prices, and the small facts about the node. */
import { baseFeeAfter, blobBaseFeeOf, type GasPriceOracle } from "#eth/gasprice";
import {
  blockTag,
  type Codec,
  invalidParams,
  json,
  kindOf,
  method,
  type Method,
  nullable,
  optional,
  quantity,
  uint53,
  uint64,
} from "#rpc";
import { EthApiError } from "./errors.ts";
import { type JsonObject, quantityHex } from "./format.ts";
import type { Parts } from "./parts.ts";
import { formatSyncing } from "./subscriptions.ts";

const MAX_UINT64 = 2n ** 64n - 1n;

/** geth's math.HexOrDecimal64: hex or decimal text, or a plain number, below 2^64. Length is checked before BigInt (RP-17). */
const blockCount: Codec<bigint> = {
  doc: "count, hex or decimal",
  decode(value, path) {
    const isPlain = typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
    if (!isPlain && typeof value !== "string")
      throw invalidParams(path, `want a count, got ${kindOf(value)}`);
    const text = String(value);
    if (text.length > 22 || !/^(?:0[xX][0-9a-fA-F]+|[0-9]+)$/.test(text))
      throw invalidParams(path, "invalid hex or decimal integer");
    const count = BigInt(text);
    if (count > MAX_UINT64) throw invalidParams(path, "invalid hex or decimal integer");
    return count;
  },
  encode: (value) => quantityHex(value),
};

/** Percentiles as plain numbers; bounded here only against size, the oracle refuses more than it answers. */
const percentiles: Codec<number[]> = {
  doc: "list of number",
  decode(value, path) {
    if (!Array.isArray(value)) throw invalidParams(path, `want a list, got ${kindOf(value)}`);
    return value.map((one: unknown, i) => {
      if (typeof one !== "number" || !Number.isFinite(one))
        throw invalidParams(`${path}[${i}]`, `want a number, got ${kindOf(one)}`);
      return one;
    });
  },
  encode: (value) => value,
};

export function feeMethods({ backend, view }: Parts, oracle: GasPriceOracle): Record<string, Method> {
  const isConcurrent = true;
  return {
    gasPrice: method({
      doc: "A price per gas that gets a transaction into the next blocks, wei.",
      params: [],
      result: quantity,
      isConcurrent,
      handle: (_, ctx) => oracle.suggestPrice(ctx),
    }),
    maxPriorityFeePerGas: method({
      doc: "A tip per gas that gets a transaction into the next blocks, wei.",
      params: [],
      result: quantity,
      isConcurrent,
      handle: (_, ctx) => oracle.suggestTip(ctx),
    }),
    feeHistory: method({
      doc: "Base fees, gas used and tips at percentiles of the blocks up to one; longer histories are cut.",
      params: [blockCount, blockTag, optional(percentiles)],
      result: json,
      isConcurrent,
      handle: async ([blocks, tag, wanted = []], ctx): Promise<JsonObject> => {
        const { count, last } = await lastBlock(blocks, tag, ctx);
        const history = await oracle.feeHistory(count, last, wanted, ctx);
        const isEmpty = history.gasUsedRatio.length === 0;
        return {
          oldestBlock: quantityHex(history.oldestBlock),
          ...(history.reward === undefined || isEmpty
            ? {}
            : { reward: history.reward.map((row) => row.map(quantityHex)) }),
          ...(isEmpty ? {} : { baseFeePerGas: history.baseFee.map(quantityHex) }),
          gasUsedRatio: isEmpty ? null : history.gasUsedRatio,
          ...(isEmpty
            ? {}
            : {
                baseFeePerBlobGas: history.blobBaseFee.map(quantityHex),
                blobGasUsedRatio: history.blobGasUsedRatio,
              }),
        };
      },
    }),
    blobBaseFee: method({
      doc: "Base fee per blob gas at the head, wei; 0 where there are no blobs.",
      params: [],
      result: quantity,
      isConcurrent,
      handle: () => blobBaseFeeOf(backend.chainConfig, backend.head()),
    }),
    baseFee: method({
      doc: "Base fee per gas of the next block, wei; null before London.",
      params: [],
      result: nullable(quantity),
      isConcurrent,
      handle: () => baseFeeAfter(backend.chainConfig, backend.head()),
    }),
    chainId: method({
      doc: "EIP-155 chain id.",
      params: [],
      result: quantity,
      isConcurrent,
      handle: () => backend.chainId,
    }),
    syncing: method({
      doc: "false, or how far the first sync is.",
      params: [],
      result: json,
      isConcurrent,
      handle: () => formatSyncing(backend),
    }),
    mining: method({
      doc: "Whether this node seals blocks.",
      params: [],
      result: json,
      isConcurrent,
      handle: () => backend.isMining?.() ?? backend.coinbase?.() !== undefined,
    }),
    hashrate: method({
      doc: "Always 0: nothing here mines.",
      params: [],
      result: uint64,
      isConcurrent,
      handle: () => 0n,
    }),
    protocolVersion: method({
      doc: "Highest version of eth this node speaks; of les, plus 10,000.",
      params: [],
      result: uint53,
      isConcurrent,
      handle: () => {
        const { protocolVersion } = backend;
        if (protocolVersion === undefined) throw EthApiError("FAILED", { reason: "no protocol is spoken" });
        return protocolVersion;
      },
    }),
  };

  /** geth: a pending block the node does not build counts as one asked-for block less (feehistory.go:190@v1.17.5). */
  async function lastBlock(
    blocks: bigint,
    tag: typeof blockTag extends Codec<infer Tag> ? Tag : never,
    ctx: { signal: AbortSignal },
  ) {
    if (tag === "pending") return { count: blocks > 0n ? blocks - 1n : 0n, last: backend.head().number };
    if (typeof tag === "number") return { count: blocks, last: tag };
    return { count: blocks, last: (await view.need(tag, ctx)).header.number };
  }
}
