import type { BlobSchedule, ChainConfig } from "./config.ts";
import { DEFAULT_BLOB_SCHEDULE } from "./networks.ts";
import { type BlockPlace, type Fork, rulesAt } from "./rules.ts";

/** Gas of one blob (EIP-4844). */
export const GAS_PER_BLOB = 131_072n;

/** Newest first; a fork without a row of its own keeps the one before. */
const BLOB_FORKS = [
  "bpo5",
  "bpo4",
  "bpo3",
  "bpo2",
  "bpo1",
  "osaka",
  "prague",
  "cancun",
] as const satisfies readonly Fork[];

/** Blob parameters in force at a block; undefined before Cancun. */
export function blobScheduleAt(config: ChainConfig, place: BlockPlace): BlobSchedule | undefined {
  const { fork, isCancun } = rulesAt(config, place);
  if (!isCancun) return undefined;
  const rows = config.blobSchedule ?? DEFAULT_BLOB_SCHEDULE;
  for (const name of BLOB_FORKS.slice(BLOB_FORKS.findIndex((row) => row === fork))) {
    const row = rows[name];
    if (row !== undefined) return row;
  }
  return DEFAULT_BLOB_SCHEDULE["cancun"];
}

/**
 * Wei per unit of blob gas (EIP-4844 fake_exponential, minimum 1).
 * @param excessBlobGas - of the block's header
 */
export function blobBaseFee(excessBlobGas: bigint, schedule: BlobSchedule): bigint {
  const denominator = schedule.baseFeeUpdateFraction;
  let output = 0n;
  let term = denominator;
  for (let i = 1n; term > 0n; i++) {
    output += term;
    term = (term * excessBlobGas) / (denominator * i);
  }
  return output / denominator;
}
