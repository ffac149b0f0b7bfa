import type { Header } from "#core/types";
import { makeHeader } from "#core/types";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { blankFields, cliqueConfig } from "../../test/kit/clique.ts";
import { devEngine } from "./dev.ts";
import type { HeaderReader } from "./engine.ts";
import { nextBaseFee, nextGasLimit, verifyGas } from "./rules.ts";

/** London from block 5, as in consensus/misc/eip1559_test.go:29@v1.11.6. */
const config = cliqueConfig(undefined, { istanbulBlock: 0, berlinBlock: 0, londonBlock: 5 });
const gwei = 1_000_000_000n;

const place = (number: number, gasLimit: bigint, gasUsed: bigint, baseFee?: bigint): Header =>
  makeHeader({ ...blankFields, number, gasLimit, gasUsed, baseFee });

describe("gas limits (TestBlockGasLimits@v1.11.6)", () => {
  test.each([
    [10_000_000n, 4, 20_000_000n, true],
    [10_000_000n, 4, 20_019_530n, true],
    [10_000_000n, 4, 20_019_531n, false],
    [10_000_000n, 4, 19_980_470n, true],
    [10_000_000n, 4, 19_980_469n, false],
    [20_000_000n, 5, 20_000_000n, true],
    [20_000_000n, 5, 20_019_530n, true],
    [20_000_000n, 5, 20_019_531n, false],
    [20_000_000n, 5, 19_980_470n, true],
    [20_000_000n, 5, 19_980_469n, false],
    [40_000_000n, 5, 40_039_061n, true],
    [40_000_000n, 5, 40_039_062n, false],
    [40_000_000n, 5, 39_960_939n, true],
    [40_000_000n, 5, 39_960_938n, false],
  ])("LC-06 parent %d at #%d, then %d: %s", (parentLimit, number, gasLimit, isGood) => {
    const parent = place(number, parentLimit, parentLimit / 2n, number < 5 ? undefined : gwei);
    const verify = () => verifyGas(config, place(number + 1, gasLimit, gasLimit / 2n, gwei), parent);
    if (isGood) expect(verify).not.toThrow();
    else expect(verify).toThrow(expect.objectContaining({ code: "CONSENSUS_INVALID_GAS_LIMIT" }));
  });

  test.each([
    [20_000_000n, 20_019_530n, 19_980_470n],
    [40_000_000n, 40_039_061n, 39_960_939n],
  ])("next limit of %d (TestCalcGasLimit@v1.11.6)", (limit, max, min) => {
    const parent = place(7, limit, 0n, gwei);
    expect(nextGasLimit(config, parent, true, 2n * limit)).toBe(max);
    expect(nextGasLimit(config, parent, true, 0n)).toBe(min);
    expect(nextGasLimit(config, parent, true, limit - 1n)).toBe(limit - 1n);
    expect(nextGasLimit(config, parent, true, limit + 1n)).toBe(limit + 1n);
    expect(nextGasLimit(config, parent, true, limit)).toBe(limit);
  });

  test("whatever is wanted, the next limit is accepted", () => {
    fc.assert(
      fc.property(
        fc.bigInt(5_000n, 1n << 60n),
        fc.bigInt(0n, 1n << 62n),
        fc.integer({ min: 3, max: 6 }),
        (limit, wanted, number) => {
          const parent = place(number, limit, 0n, number < 5 ? undefined : gwei);
          const isLondon = number + 1 >= 5;
          const gasLimit = nextGasLimit(config, parent, isLondon, wanted);
          const baseFee = isLondon ? nextBaseFee(config, parent) : undefined;
          expect(() => verifyGas(config, place(number + 1, gasLimit, 0n, baseFee), parent)).not.toThrow();
        },
      ),
      { seed: 1559, numRuns: 300 },
    );
  });
});

describe("base fee (TestCalcBaseFee@v1.11.6)", () => {
  test.each([
    [10_000_000n, gwei],
    [9_000_000n, 987_500_000n],
    [11_000_000n, 1_012_500_000n],
  ])("gas used %d of 20,000,000", (gasUsed, want) => {
    expect(nextBaseFee(config, place(32, 20_000_000n, gasUsed, gwei))).toBe(want);
  });

  test("rises by at least one wei, never falls below none", () => {
    expect(nextBaseFee(config, place(32, 20_000_000n, 20_000_000n, 1n))).toBe(2n);
    expect(nextBaseFee(config, place(32, 20_000_000n, 0n, 7n))).toBe(7n);
    expect(nextBaseFee(config, place(32, 20_000_000n, 0n, 0n))).toBe(0n);
    expect(nextBaseFee(config, place(4, 20_000_000n, 0n))).toBe(gwei);
  });
});

describe("the dev engine", () => {
  const parent = makeHeader({ ...blankFields, extra: new Uint8Array(0), time: 10 });
  const chain: HeaderReader = { config, headerByHash: () => parent, headerByNumber: () => parent };
  const good = { ...blankFields, parentHash: parent.hash, number: 1, time: 11, extra: new Uint8Array(32) };

  test.each([
    ["LC-06 timestamp equal to the parent's", { time: 10 }, "CONSENSUS_INVALID_TIME"],
    ["LC-06 timestamp 16 s ahead", { time: 116 }, "CONSENSUS_FUTURE_BLOCK"],
    ["LC-06 extra data of 33 bytes", { extra: new Uint8Array(33) }, "CONSENSUS_EXTRA_TOO_LONG"],
    ["LC-06 difficulty 2", { difficulty: 2n }, "CONSENSUS_INVALID_DIFFICULTY"],
    ["LC-06 gas limit 0", { gasLimit: 0n }, "CONSENSUS_INVALID_GAS_LIMIT"],
    [
      "LC-06 a field of a later fork",
      { baseFee: 1n, withdrawalsRoot: new Uint8Array(32) },
      "CONSENSUS_UNEXPECTED_FIELD",
    ],
    ["LC-06 uncles", { unclesHash: new Uint8Array(32) }, "CONSENSUS_UNEXPECTED_FIELD"],
    ["LC-06 another parent", { parentHash: new Uint8Array(32) }, "CONSENSUS_UNKNOWN_ANCESTOR"],
  ])("%s", (_, fields, code) => {
    const header = makeHeader({ ...good, ...fields });
    expect(() => devEngine.verifyHeader(chain, header, parent, { now: 100 })).toThrow(
      expect.objectContaining({ code, data: expect.objectContaining({ number: 1 }) }),
    );
  });

  test("accepts what it prepares", () => {
    const draft = { ...good, time: 0, difficulty: 9n, extra: new Uint8Array(99) };
    const header = makeHeader(devEngine.prepare(chain, draft, parent, undefined));
    expect(() => devEngine.verifyHeader(chain, header, parent, { now: 100 })).not.toThrow();
  });
});
