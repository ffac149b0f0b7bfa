import type { Header } from "#core/types";
import {
  BASE_FEE_CHANGE_DENOMINATOR,
  type ChainConfig,
  ELASTICITY_MULTIPLIER,
  GAS_LIMIT_BOUND_DIVISOR,
  INITIAL_BASE_FEE,
  MIN_GAS_LIMIT,
  rulesAt,
} from "#params";
import { equalBytes } from "#util";
import { ConsensusError } from "./errors.ts";
import { limits } from "./limits.ts";

/** Fields of a header that base fee and gas limit are computed from. */
export type GasFields = Pick<Header, "number" | "time" | "difficulty" | "gasLimit" | "gasUsed" | "baseFee">;

/**
 * A header names its parent by hash and follows it by number.
 * @throws CONSENSUS_UNKNOWN_ANCESTOR, CONSENSUS_INVALID_NUMBER
 */
export function verifyLink(header: Header, parent: Header): void {
  if (header.number !== parent.number + 1)
    throw ConsensusError("INVALID_NUMBER", { number: header.number, parent: parent.number });
  if (!equalBytes(header.parentHash, parent.hash))
    throw ConsensusError("UNKNOWN_ANCESTOR", { number: header.number });
}

/**
 * @param now unix seconds of our clock
 * @throws CONSENSUS_FUTURE_BLOCK when it is more than `limits.futureSeconds` ahead; a claim about clocks, so
 *   nobody is blamed
 */
export function verifyTime(header: Header, now: number): void {
  if (header.time > now + limits.futureSeconds)
    throw ConsensusError("FUTURE_BLOCK", { number: header.number, time: header.time, now });
}

/**
 * Gas limit, gas used and base fee (consensus/misc/{gaslimit,eip1559}.go@v1.11.6). geth 1.9.25 does not check
 * the limit's bounds under clique, 1.11.6 does; so do we.
 * @throws CONSENSUS_INVALID_GAS_LIMIT, CONSENSUS_INVALID_GAS_USED, CONSENSUS_INVALID_BASE_FEE
 */
export function verifyGas(config: ChainConfig, header: Header, parent: Header): void {
  const { number, gasLimit, gasUsed } = header;
  const isLondon = rulesAt(config, header).isLondon;
  const base =
    isLondon && !rulesAt(config, parent).isLondon ? parent.gasLimit * ELASTICITY_MULTIPLIER : parent.gasLimit;
  const distance = gasLimit > base ? gasLimit - base : base - gasLimit;
  if (distance >= base / GAS_LIMIT_BOUND_DIVISOR || gasLimit < MIN_GAS_LIMIT || gasLimit > limits.maxGasLimit)
    throw ConsensusError("INVALID_GAS_LIMIT", { number, have: gasLimit, parent: parent.gasLimit });
  if (gasUsed > gasLimit)
    throw ConsensusError("INVALID_GAS_USED", { number, have: gasUsed, limit: gasLimit });
  const want = isLondon ? nextBaseFee(config, parent) : undefined;
  if (header.baseFee !== want)
    throw ConsensusError("INVALID_BASE_FEE", { number, have: header.baseFee, want });
}

/**
 * Base fee in wei of the block after `parent`, if that block is under London rules
 * (consensus/misc/eip1559.go:55@v1.11.6). Meaningless before.
 */
export function nextBaseFee(config: ChainConfig, parent: GasFields): bigint {
  if (!rulesAt(config, parent).isLondon || parent.baseFee === undefined) return INITIAL_BASE_FEE;
  const target = parent.gasLimit / ELASTICITY_MULTIPLIER;
  const { baseFee, gasUsed } = parent;
  if (gasUsed === target || target === 0n) return baseFee;
  const distance = gasUsed > target ? gasUsed - target : target - gasUsed;
  const change = (baseFee * distance) / target / BASE_FEE_CHANGE_DENOMINATOR;
  if (gasUsed > target) return baseFee + (change > 1n ? change : 1n);
  return baseFee - change;
}

/** Gas limit of the block after `parent` that comes closest to `wanted` (core/block_validator.go:119@v1.11.6). */
export function nextGasLimit(
  config: ChainConfig,
  parent: GasFields,
  isLondon: boolean,
  wanted: bigint,
): bigint {
  const base =
    isLondon && !rulesAt(config, parent).isLondon ? parent.gasLimit * ELASTICITY_MULTIPLIER : parent.gasLimit;
  const step = base / GAS_LIMIT_BOUND_DIVISOR - 1n;
  const goal = wanted < MIN_GAS_LIMIT ? MIN_GAS_LIMIT : wanted;
  if (goal > base) return goal < base + step ? goal : base + step;
  return goal > base - step ? goal : base - step;
}

const laterFields = [
  ["withdrawalsRoot", "isShanghai"],
  ["blobGasUsed", "isCancun"],
  ["excessBlobGas", "isCancun"],
  ["parentBeaconRoot", "isCancun"],
  ["requestsHash", "isPrague"],
] as const;

/**
 * Fields of later forks are there exactly when their fork is in force.
 * @throws CONSENSUS_UNEXPECTED_FIELD, CONSENSUS_MISSING_FIELD
 */
export function verifyForkFields(config: ChainConfig, header: Header): void {
  const rules = rulesAt(config, header);
  for (const [field, flag] of laterFields) {
    if (!rules[flag] && header[field] !== undefined)
      throw ConsensusError("UNEXPECTED_FIELD", { number: header.number, field });
    if (rules[flag] && header[field] === undefined)
      throw ConsensusError("MISSING_FIELD", { number: header.number, field });
  }
}
