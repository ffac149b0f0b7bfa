import { describe, expect, test } from "vitest";
import { blankFields } from "../../test/kit/clique.ts";
import { testConfig } from "../../test/kit/state-tests.ts";
import { makeHeader } from "#core/types";
import { type BlobSchedule, type ChainConfig, GAS_PER_BLOB } from "#params";
import { nextExcessBlobGas, verifyBlobGas } from "./blob-gas.ts";

const cancun = testConfig("Cancun");
const target = 3n * GAS_PER_BLOB;

describe("excess blob gas", () => {
  test.each([
    [0n, 0n, 0n],
    [0n, 1n, 0n],
    [0n, 3n, 0n],
    [0n, 4n, GAS_PER_BLOB],
    [1n, 4n, GAS_PER_BLOB + 1n],
    [1n, 5n, 2n * GAS_PER_BLOB + 1n],
    [target, 3n, target],
    [target, 2n, target - GAS_PER_BLOB],
    [target, 1n, target - 2n * GAS_PER_BLOB],
    [GAS_PER_BLOB - 1n, 2n, 0n],
  ])("after %d and %d blobs (TestCalcExcessBlobGas@v1.17.5)", (excessBlobGas, blobs, want) => {
    const parent = { excessBlobGas, blobGasUsed: blobs * GAS_PER_BLOB, baseFee: 7n };
    expect(nextExcessBlobGas(cancun, parent, { number: 1, time: 0 })).toBe(want);
  });

  const row = (most: number, max: number, baseFeeUpdateFraction: bigint): BlobSchedule => ({
    target: most,
    max,
    baseFeeUpdateFraction,
  });
  const bpo: ChainConfig = {
    ...testConfig("Osaka"),
    bpo1Time: 1_754_836_608,
    bpo2Time: 1_754_934_912,
    bpo3Time: 1_755_033_216,
    blobSchedule: {
      cancun: row(3, 6, 3_338_477n),
      prague: row(6, 9, 5_007_716n),
      bpo1: row(9, 14, 8_832_827n),
      bpo2: row(14, 21, 13_739_630n),
      bpo3: row(21, 32, 20_609_697n),
    },
  };
  test.each([
    [5_149_252n, 1_310_720n, 30n, 1_754_904_528, 5_617_366n],
    [19_251_039n, 2_490_368n, 50n, 1_755_033_216, 20_107_103n],
  ])(
    "with other blob parameters (TestCalcBlobFeePostOsaka@v1.17.5)",
    (excessBlobGas, blobGasUsed, baseFee, time, want) => {
      expect(nextExcessBlobGas(bpo, { excessBlobGas, blobGasUsed, baseFee }, { number: 9, time })).toBe(want);
    },
  );

  test("EIP-7918: cheap blobs have a reserve price (TestCalcExcessBlobGasEIP7918@v1.17.5)", () => {
    const osaka = testConfig("Osaka");
    const after = (baseFee: bigint) =>
      nextExcessBlobGas(
        osaka,
        { excessBlobGas: 0n, blobGasUsed: 6n * GAS_PER_BLOB, baseFee },
        { number: 9, time: 0 },
      );
    expect([after(1_000_000_000n), after(1n)]).toEqual([(6n * GAS_PER_BLOB * 3n) / 9n, 0n]);
  });
});

test.each([
  ["more blobs than fit", { blobGasUsed: 7n * GAS_PER_BLOB }],
  ["half a blob", { blobGasUsed: GAS_PER_BLOB / 2n }],
  ["excess out of nowhere", { excessBlobGas: 1n }],
])("a header with %s is refused", (_, change) => {
  const root = new Uint8Array(32);
  const fields = {
    ...blankFields,
    difficulty: 0n,
    excessBlobGas: 0n,
    blobGasUsed: 0n,
    baseFee: 7n,
    withdrawalsRoot: root,
  };
  const parent = makeHeader(fields);
  const header = (more: object) => makeHeader({ ...fields, number: 1, parentHash: parent.hash, ...more });
  expect(() => verifyBlobGas(cancun, header({}), parent)).not.toThrow();
  expect(() => verifyBlobGas(cancun, header(change), parent)).toThrow(
    expect.objectContaining({ code: "CONSENSUS_INVALID_BLOB_GAS" }),
  );
});
