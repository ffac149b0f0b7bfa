import { nextBaseFee } from "#consensus";
import type { Header } from "#core/types";
import { blobBaseFee, blobScheduleAt, type ChainConfig, GAS_PER_BLOB } from "#params";

/** Base fee of the block after `parent`, wei; `undefined` while London is not in force there. */
export function baseFeeAfter(config: ChainConfig, parent: Header): bigint | undefined {
  if (config.londonBlock === undefined || parent.number + 1 < config.londonBlock) return undefined;
  return nextBaseFee(config, parent);
}

/** Most blob gas of a block; 0 before Cancun. */
export function maxBlobGasOf(config: ChainConfig, header: Header): bigint {
  return BigInt(blobScheduleAt(config, header)?.max ?? 0) * GAS_PER_BLOB;
}

/** What blob gas costs in a block, wei; with `excess` in place of its own. 0 where there are no blobs. */
export function blobBaseFeeOf(
  config: ChainConfig,
  header: Header,
  excess: bigint | undefined = header.excessBlobGas,
): bigint {
  const schedule = blobScheduleAt(config, header);
  return schedule === undefined || excess === undefined ? 0n : blobBaseFee(excess, schedule);
}

/** EIP-7918: execution gas that a blob's price is held against. */
const BLOB_BASE_COST = 8_192n;

/** Excess blob gas of the block after `parent`, by the rules of the parent (geth consensus/misc/eip4844/eip4844.go:120@v1.17.5). */
export function nextExcessBlobGas(config: ChainConfig, parent: Header): bigint | undefined {
  const schedule = blobScheduleAt(config, parent);
  if (schedule === undefined || parent.excessBlobGas === undefined) return undefined;
  const blobGasUsed = parent.blobGasUsed ?? 0n;
  const target = BigInt(schedule.target) * GAS_PER_BLOB;
  const sum = parent.excessBlobGas + blobGasUsed;
  if (sum < target) return 0n;
  const isOsaka = config.osakaTime !== undefined && config.osakaTime <= parent.time;
  const reserve = BLOB_BASE_COST * (parent.baseFee ?? 0n);
  if (isOsaka && reserve > GAS_PER_BLOB * blobBaseFee(parent.excessBlobGas, schedule)) {
    return (
      parent.excessBlobGas + (blobGasUsed * BigInt(schedule.max - schedule.target)) / BigInt(schedule.max)
    );
  }
  return sum - target;
}
