import type { Transaction } from "#core/types";

/** Most a transaction pays per gas, wei. */
export const feeCap = (tx: Transaction): bigint => tx.maxFeePerGas ?? tx.gasPrice ?? 0n;
/** Most it pays the block's author per gas, wei. */
export const tipCap = (tx: Transaction): bigint => tx.maxPriorityFeePerGas ?? tx.gasPrice ?? 0n;
/** Most it can take from its sender, wei. */
export const cost = (tx: Transaction): bigint => tx.value + tx.gas * feeCap(tx) + blobCost(tx);

function blobCost(tx: Transaction): bigint {
  return (tx.maxFeePerBlobGas ?? 0n) * BigInt(tx.blobVersionedHashes?.length ?? 0) * 131_072n;
}

/** What the author earns per gas at that base fee; negative: it cannot be in such a block. */
export function tipAt(tx: Transaction, baseFee: bigint): bigint {
  const room = feeCap(tx) - baseFee;
  return room < tipCap(tx) ? room : tipCap(tx);
}

/** True if `next` pays enough more than `old` to take its place: both caps, by `bumpPercent`, and at least one wei. */
export function isBumped(old: Transaction, next: Transaction, bumpPercent: bigint): boolean {
  const enough = (a: bigint, b: bigint) => b > a && b * 100n >= a * (100n + bumpPercent);
  return enough(feeCap(old), feeCap(next)) && enough(tipCap(old), tipCap(next));
}
