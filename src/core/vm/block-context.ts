import { Address } from "@ethereumjs/util";
import type { EVM } from "@ethereumjs/evm";
import type { Header } from "#core/types";
import { blobBaseFee, blobScheduleAt, type ChainConfig, type Rules } from "#params";
import type { BlockOverrides } from "./types.ts";

type RunCallOptions = Parameters<EVM["runCall"]>[0];
/** The block as opcodes see it; ethereumjs' shape. */
export type EvmBlock = NonNullable<RunCallOptions["block"]>;

/** Wei per blob gas in that block; undefined before Cancun. */
export function blobPriceOf(config: ChainConfig, header: Header): bigint | undefined {
  const schedule = blobScheduleAt(config, header);
  return schedule === undefined ? undefined : blobBaseFee(header.excessBlobGas ?? 0n, schedule);
}

/** What NUMBER, TIMESTAMP, COINBASE, … answer. `coinbase` is the author. */
export function evmBlock(
  config: ChainConfig,
  header: Header,
  rules: Rules,
  coinbase: Uint8Array,
  overrides: BlockOverrides = {},
): EvmBlock {
  const baseFee = overrides.baseFee ?? header.baseFee;
  const blobPrice = overrides.blobBaseFee ?? blobPriceOf(config, header);
  return {
    header: {
      number: BigInt(overrides.number ?? header.number),
      coinbase: new Address(overrides.coinbase ?? coinbase),
      timestamp: BigInt(overrides.time ?? header.time),
      difficulty: overrides.difficulty ?? header.difficulty,
      prevRandao: overrides.prevRandao ?? (rules.isMerge ? header.mixDigest : new Uint8Array(32)),
      gasLimit: overrides.gasLimit ?? header.gasLimit,
      ...(rules.isLondon && baseFee !== undefined ? { baseFeePerGas: baseFee } : {}),
      getBlobGasPrice: () => blobPrice,
    },
  };
}
