import { nextBaseFee } from "#consensus";
import type { Header } from "#core/types";
import { type BlobSchedule, type ChainConfig, DEFAULT_BLOB_SCHEDULE } from "#params";

/** Base fee of the block after `parent`, wei; `undefined` while London is not in force there. */
export function baseFeeAfter(config: ChainConfig, parent: Header): bigint | undefined {
  if (config.londonBlock === undefined || parent.number + 1 < config.londonBlock) return undefined;
  return nextBaseFee(config, parent);
}

const GAS_PER_BLOB = 131_072n;
const BLOB_FORKS = [
  ["bpo5", "bpo5Time"],
  ["bpo4", "bpo4Time"],
  ["bpo3", "bpo3Time"],
  ["bpo2", "bpo2Time"],
  ["bpo1", "bpo1Time"],
  ["osaka", "osakaTime"],
  ["prague", "pragueTime"],
  ["cancun", "cancunTime"],
] as const;

/** The blob schedule in force at a time (EIP-7840); `undefined` before Cancun. */
function blobScheduleAt(config: ChainConfig, time: number): BlobSchedule | undefined {
  for (const [name, at] of BLOB_FORKS) {
    const start = config[at];
    if (start === undefined || start > time) continue;
    const schedule = config.blobSchedule?.[name] ?? DEFAULT_BLOB_SCHEDULE[name];
    if (schedule !== undefined) return schedule;
  }
  return undefined;
}

/** Most blob gas of a block at a time; 0 before Cancun. */
export function maxBlobGasOf(config: ChainConfig, time: number): bigint {
  return BigInt(blobScheduleAt(config, time)?.max ?? 0) * GAS_PER_BLOB;
}

/** EIP-4844 fake_exponential(1, excess, fraction), wei per blob gas; 0 where there are no blobs. */
export function blobBaseFeeOf(config: ChainConfig, time: number, excessBlobGas: bigint | undefined): bigint {
  const fraction = blobScheduleAt(config, time)?.baseFeeUpdateFraction;
  if (excessBlobGas === undefined || fraction === undefined) return 0n;
  let sum = 0n;
  let term = fraction;
  for (let i = 1n; term > 0n; i++) {
    sum += term;
    term = (term * excessBlobGas) / (fraction * i);
  }
  return sum / fraction;
}

/** Excess blob gas of the block after `parent`, by the schedule of the parent's time (geth CalcExcessBlobGas, pre-Osaka rule). */
export function nextExcessBlobGas(config: ChainConfig, parent: Header): bigint | undefined {
  const schedule = blobScheduleAt(config, parent.time);
  if (schedule === undefined || parent.excessBlobGas === undefined) return undefined;
  const target = BigInt(schedule.target) * GAS_PER_BLOB;
  const used = parent.excessBlobGas + (parent.blobGasUsed ?? 0n);
  if (used < target) return 0n;
  const osaka = config.osakaTime !== undefined && config.osakaTime <= parent.time;
  // EIP-7918: while a blob is cheaper than its execution, the excess grows by the unused share only
  const reserve = (parent.baseFee ?? 0n) * 8_192n;
  if (osaka && reserve > blobBaseFeeOf(config, parent.time, parent.excessBlobGas) * GAS_PER_BLOB) {
    return (
      parent.excessBlobGas +
      ((parent.blobGasUsed ?? 0n) * BigInt(schedule.max - schedule.target)) / BigInt(schedule.max)
    );
  }
  return used - target;
}
