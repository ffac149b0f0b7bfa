import type { Body, Header, Receipt, Transaction } from "#core/types";

/** What one block adds to a fee history. */
export interface BlockFees {
  readonly baseFee: bigint;
  readonly nextBaseFee: bigint;
  readonly gasUsedRatio: number;
  readonly blobBaseFee: bigint;
  readonly nextBlobBaseFee: bigint;
  readonly blobGasUsedRatio: number;
  /** One tip per percentile; absent when none were asked for. */
  readonly reward?: readonly bigint[] | undefined;
}

/** What the sender pays the block's author per gas: min(tip cap, fee cap − base fee); may be negative for nonsense. */
export function effectiveTip(tx: Transaction, baseFee: bigint | undefined): bigint {
  const feeCap = tx.maxFeePerGas ?? tx.gasPrice ?? 0n;
  const tipCap = tx.maxPriorityFeePerGas ?? tx.gasPrice ?? 0n;
  if (baseFee === undefined) return tipCap;
  return feeCap - baseFee < tipCap ? feeCap - baseFee : tipCap;
}

/**
 * Tips at the percentiles of the gas used in a block, ascending by tip.
 * @see geth eth/gasprice/feehistory.go:130-155@v1.17.5 (processBlock)
 */
export function rewardsOf(
  header: Header,
  body: Body,
  receipts: readonly Receipt[],
  percentiles: readonly number[],
): bigint[] {
  if (body.transactions.length === 0) return percentiles.map(() => 0n);
  let before = 0n;
  const rows = body.transactions.map((tx, i) => {
    const cumulative = receipts[i]?.cumulativeGasUsed ?? before;
    const gasUsed = cumulative - before;
    before = cumulative;
    return { gasUsed, tip: effectiveTip(tx, header.baseFee) };
  });
  rows.sort((a, b) => (a.tip < b.tip ? -1 : a.tip > b.tip ? 1 : 0)); // stable, as geth's
  let at = 0;
  let sum = rows[0]?.gasUsed ?? 0n;
  return percentiles.map((percentile) => {
    const threshold = BigInt(Math.floor((Number(header.gasUsed) * percentile) / 100));
    while (sum < threshold && at < rows.length - 1) sum += rows[++at]?.gasUsed ?? 0n;
    return rows[at]?.tip ?? 0n;
  });
}
