import { emptyUnclesHash, type Header } from "#core/types";
import type { ChainConfig } from "#params";
import { equalBytes } from "#util";

/** What the difficulty of the next block is computed from. */
export type DifficultyParent = Pick<Header, "number" | "time" | "difficulty" | "unclesHash">;

const MINIMUM = 131_072n;
const BOUND_DIVISOR = 2_048n;
/** Seconds below which the Frontier difficulty rises. */
const DURATION_LIMIT = 13;
/** The bomb doubles every so many blocks. */
const PERIOD = 100_000n;

const atLeast = (value: bigint, least: bigint) => (value < least ? least : value);

/** 2^(periods - 2), where `periods` counts from the delayed number; nothing in the first two. */
function bomb(number: bigint): bigint {
  const periods = number / PERIOD;
  return periods > 1n ? 1n << (periods - 2n) : 0n;
}

/** consensus/ethash/consensus.go:454@v1.11.6 calcDifficultyFrontier */
function frontier(time: number, parent: DifficultyParent): bigint {
  const step = parent.difficulty / BOUND_DIVISOR;
  const rises = time - parent.time < DURATION_LIMIT;
  const plain = atLeast(parent.difficulty + (rises ? step : -step), MINIMUM);
  const extra = bomb(BigInt(parent.number + 1));
  return extra === 0n ? plain : atLeast(plain + extra, MINIMUM);
}

/** EIP-2 */
function homestead(time: number, parent: DifficultyParent): bigint {
  const change = atLeast(1n - BigInt(Math.floor((time - parent.time) / 10)), -99n);
  const plain = atLeast(parent.difficulty + (parent.difficulty / BOUND_DIVISOR) * change, MINIMUM);
  return plain + bomb(BigInt(parent.number + 1));
}

/** EIP-100, with the bomb pushed back by `delay` blocks (EIP-649 and its kin). */
function byzantium(time: number, parent: DifficultyParent, delay: number): bigint {
  const base = equalBytes(parent.unclesHash, emptyUnclesHash) ? 1n : 2n;
  const change = atLeast(base - BigInt(Math.floor((time - parent.time) / 9)), -99n);
  const plain = atLeast(parent.difficulty + (parent.difficulty / BOUND_DIVISOR) * change, MINIMUM);
  return plain + bomb(atLeast(BigInt(parent.number - (delay - 1)), 0n));
}

/** Newest first. Petersburg and Istanbul change nothing here. */
const DELAYS = [
  ["grayGlacierBlock", 11_400_000],
  ["arrowGlacierBlock", 10_700_000],
  ["londonBlock", 9_700_000],
  ["muirGlacierBlock", 9_000_000],
  ["constantinopleBlock", 5_000_000],
  ["byzantiumBlock", 3_000_000],
] as const satisfies readonly (readonly [keyof ChainConfig, number])[];

/**
 * Difficulty of the block after `parent`, made at `time` (unix seconds, after the parent's).
 * @see consensus/ethash/consensus.go:330@v1.11.6 CalcDifficulty
 */
export function difficultyAt(config: ChainConfig, time: number, parent: DifficultyParent): bigint {
  const number = parent.number + 1;
  for (const [fork, delay] of DELAYS) {
    const start = config[fork];
    if (start !== undefined && start <= number) return byzantium(time, parent, delay);
  }
  const { homesteadBlock } = config;
  return homesteadBlock !== undefined && homesteadBlock <= number
    ? homestead(time, parent)
    : frontier(time, parent);
}
