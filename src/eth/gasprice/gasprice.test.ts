import { describe, expect, test } from "vitest";
import { ScriptedChain, type ScriptedTransaction } from "../../../test/kit/scripted-chain.ts";
import { GasPriceOracle } from "./gasprice.ts";

const GWEI = 1_000_000_000n;
const ctx = { signal: new AbortController().signal };
/** A transaction with this tip (in gwei) and gas. */
const paying = (tip: bigint, gasUsed = 21_000n): ScriptedTransaction => ({
  fields: { maxFeePerGas: 1_000n * GWEI, maxPriorityFeePerGas: tip * GWEI },
  gasUsed,
});

describe("suggested tip", () => {
  test("default while there is nothing to sample", async () => {
    const chain = new ScriptedChain();
    expect(await new GasPriceOracle(chain, { defaultPrice: 7n }).suggestTip(ctx)).toBe(7n);
    chain.grow([{}, {}]);
    expect(await new GasPriceOracle(chain).suggestTip(ctx)).toBe(GWEI);
  });

  test("60th percentile of the three lowest tips of each of the newest blocks; gasPrice adds the base fee", async () => {
    const chain = new ScriptedChain();
    chain.grow([
      { transactions: [paying(5n), paying(1n), paying(3n), paying(9n)] },
      { transactions: [paying(2n), paying(4n), paying(6n)] },
    ]);
    const oracle = new GasPriceOracle(chain);
    // samples 1 3 5 2 4 6 → sorted 1 2 3 4 5 6, index floor(5 · 60 / 100) = 3
    expect(await oracle.suggestTip(ctx)).toBe(4n * GWEI);
    expect(await oracle.suggestPrice(ctx)).toBe(4n * GWEI + (chain.head().baseFee ?? 0n));
  });

  test("never above the most, tips of nothing are not sampled, the author's own neither", async () => {
    const chain = new ScriptedChain();
    chain.grow([{ transactions: [paying(900n), paying(800n), { fields: { maxPriorityFeePerGas: 1n } }] }]);
    expect(await new GasPriceOracle(chain).suggestTip(ctx)).toBe(500n * GWEI);
  });

  test("asked again on the same head it reads nothing; askers at once share one reading", async () => {
    const chain = new ScriptedChain();
    chain.grow([{ transactions: [paying(2n)] }]);
    let reads = 0;
    const body = chain.body.bind(chain);
    chain.body = async (header) => {
      reads++;
      return body(header);
    };
    const oracle = new GasPriceOracle(chain);
    await Promise.all([oracle.suggestTip(ctx), oracle.suggestTip(ctx), oracle.suggestPrice(ctx)]);
    await oracle.suggestTip(ctx);
    expect(reads).toBe(1);
    chain.grow([{}]);
    await oracle.suggestTip(ctx);
    expect(reads).toBeGreaterThan(1);
  });

  test("a failure is the asker's, not the next one's", async () => {
    const chain = new ScriptedChain();
    chain.grow([{ transactions: [paying(2n)] }]);
    const oracle = new GasPriceOracle(chain);
    chain.failure = new Error("no server");
    await expect(oracle.suggestTip(ctx)).rejects.toThrow("no server");
    chain.failure = undefined;
    expect(await oracle.suggestTip(ctx)).toBe(2n * GWEI);
  });
});

describe("fee history", () => {
  test("base fees with the next one, ratios, and tips weighted by gas", async () => {
    const chain = new ScriptedChain();
    chain.grow([{ transactions: [paying(4n, 100_000n), paying(1n, 100_000n), paying(2n, 200_000n)] }, {}]);
    const history = await new GasPriceOracle(chain).feeHistory(2n, 2, [0, 25, 50, 75, 100], ctx);
    expect(history.oldestBlock).toBe(1);
    expect(history.reward).toEqual([[1n, 1n, 2n, 2n, 4n].map((tip) => tip * GWEI), [0n, 0n, 0n, 0n, 0n]]);
    expect(history.gasUsedRatio).toEqual([400_000 / 30_000_000, 0]);
    expect(history.baseFee).toEqual([GWEI, GWEI, 875_000_000n]); // an empty block lowers it by an eighth
    expect(history.blobBaseFee).toEqual([0n, 0n, 0n]);
  });

  test("RP-17 counts of any size are cut, percentiles are bounded, ordered numbers in 0 … 100", async () => {
    const chain = new ScriptedChain();
    chain.grow(Array.from({ length: 20 }, () => ({})));
    const oracle = new GasPriceOracle(chain, { maxHeaderHistory: 10, maxBlockHistory: 5 });
    expect((await oracle.feeHistory(2n ** 64n - 1n, 20, [], ctx)).gasUsedRatio).toHaveLength(10);
    expect((await oracle.feeHistory(2n ** 64n - 1n, 20, [50], ctx)).gasUsedRatio).toHaveLength(5);
    expect((await oracle.feeHistory(7n, 2, [], ctx)).oldestBlock).toBe(0);
    expect((await oracle.feeHistory(0n, 2, [], ctx)).gasUsedRatio).toHaveLength(0);
    await expect(oracle.feeHistory(1n, 21, [], ctx)).rejects.toThrow(
      "request beyond head block: requested 21, head 20",
    );
    const refused = (percentiles: number[]) => expect(oracle.feeHistory(1n, 2, percentiles, ctx)).rejects;
    await refused(Array.from({ length: 101 }, (_, i) => i / 2)).toThrow(
      "invalid reward percentile: over the query limit 100",
    );
    await refused([Number.NaN]).toThrow("invalid reward percentile");
    await refused([-1]).toThrow("invalid reward percentile: -1.000000");
    await refused([100.5]).toThrow("invalid reward percentile: 100.500000");
    await refused([50, 20]).toThrow("invalid reward percentile: #0:50.000000 >= #1:20.000000");
  });

  test("a reorg cannot leave old numbers in the cache", async () => {
    const chain = new ScriptedChain();
    chain.grow([{ transactions: [paying(1n)] }]);
    const oracle = new GasPriceOracle(chain);
    expect((await oracle.feeHistory(1n, 1, [50], ctx)).reward).toEqual([[GWEI]]);
    chain.grow([{ transactions: [paying(2n)] }, {}], 0);
    expect((await oracle.feeHistory(1n, 1, [50], ctx)).reward).toEqual([[2n * GWEI]]);
  });
});
