import type { Header } from "#core/types";
import {
  blobBaseFee,
  blobScheduleAt,
  type BlockPlace,
  type ChainConfig,
  GAS_PER_BLOB,
  rulesAt,
} from "#params";
import { ConsensusError } from "./errors.ts";

/** EIP-7918: execution gas that a blob costs at least, in gas of the base fee. */
const BLOB_BASE_COST = 1n << 13n;

/**
 * `excessBlobGas` of the block at `place`, on top of `parent`. Meaningless before Cancun (0).
 * @see consensus/misc/eip4844/eip4844.go:133@v1.17.5
 */
export function nextExcessBlobGas(
  config: ChainConfig,
  parent: Pick<Header, "excessBlobGas" | "blobGasUsed" | "baseFee">,
  place: BlockPlace,
): bigint {
  const schedule = blobScheduleAt(config, place);
  if (schedule === undefined) return 0n;
  const { excessBlobGas: before = 0n, blobGasUsed: used = 0n, baseFee = 0n } = parent;
  const [target, max] = [BigInt(schedule.target), BigInt(schedule.max)];
  const excess = before + used;
  if (excess < target * GAS_PER_BLOB) return 0n;
  const isCheap = BLOB_BASE_COST * baseFee > blobBaseFee(before, schedule) * GAS_PER_BLOB;
  if (rulesAt(config, place).isOsaka && isCheap) return before + (used * (max - target)) / max;
  return excess - target * GAS_PER_BLOB;
}

/**
 * Blob gas used and left over, of a header whose fork fields were verified.
 * @throws CONSENSUS_INVALID_BLOB_GAS
 */
export function verifyBlobGas(config: ChainConfig, header: Header, parent: Header): void {
  const { number, blobGasUsed, excessBlobGas } = header;
  const schedule = blobScheduleAt(config, header);
  if (schedule === undefined || blobGasUsed === undefined || excessBlobGas === undefined) return;
  const most = BigInt(schedule.max) * GAS_PER_BLOB;
  if (blobGasUsed > most || blobGasUsed % GAS_PER_BLOB !== 0n)
    throw ConsensusError("INVALID_BLOB_GAS", { number, field: "blobGasUsed", have: blobGasUsed, want: most });
  const want = nextExcessBlobGas(config, parent, header);
  if (excessBlobGas !== want)
    throw ConsensusError("INVALID_BLOB_GAS", { number, field: "excessBlobGas", have: excessBlobGas, want });
}
