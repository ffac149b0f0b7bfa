import { fromHex, GlimError, toHex } from "#util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  blobBaseFee,
  blobScheduleAt,
  type ChainConfig,
  checkForkOrder,
  DEFAULT_BLOB_SCHEDULE,
  DEV_ADDRESS,
  devGenesis,
  formatGenesis,
  mainnetConfig,
  parseGenesis,
  rulesAt,
  sepoliaConfig,
} from "./index.ts";

const codeOf = (fn: () => unknown) => {
  try {
    fn();
    return "none";
  } catch (error) {
    return error instanceof GlimError ? `${error.code} ${error.message}` : "?";
  }
};

describe("rulesAt", () => {
  test("mainnet, by block and by time", () => {
    const fork = (number: number, time: number, difficulty = 1n) =>
      rulesAt(mainnetConfig, { number, time, difficulty }).fork;
    expect(fork(0, 0)).toBe("chainstart");
    expect(fork(1_150_000, 0)).toBe("homestead");
    expect(fork(1_920_000, 0)).toBe("homestead");
    expect(fork(2_463_000, 0)).toBe("tangerineWhistle");
    expect(fork(2_675_000, 0)).toBe("spuriousDragon");
    expect(fork(4_370_000, 0)).toBe("byzantium");
    expect(fork(7_280_000, 0)).toBe("petersburg");
    expect(fork(9_069_000, 0)).toBe("istanbul");
    expect(fork(12_244_000, 0)).toBe("berlin");
    expect(fork(12_965_000, 0)).toBe("london");
    expect(fork(15_537_393, 1_663_224_162)).toBe("grayGlacier");
    expect(fork(15_537_394, 1_663_224_179, 0n)).toBe("paris");
    expect(fork(17_034_870, 1_681_338_455, 0n)).toBe("shanghai");
    expect(fork(19_426_587, 1_710_338_135, 0n)).toBe("cancun");
    expect(fork(22_431_084, 1_746_612_311, 0n)).toBe("prague");
    expect(fork(23_935_694, 1_764_798_551, 0n)).toBe("osaka");
    expect(fork(24_000_000, 1_767_747_671, 0n)).toBe("bpo2");
  });

  test("time forks mean nothing before the merge", () => {
    const config: ChainConfig = { ...sepoliaConfig, terminalTotalDifficulty: undefined };
    expect(rulesAt(config, { number: 5, time: 2_000_000_000, difficulty: 0n }).isShanghai).toBe(false);
    expect(rulesAt(sepoliaConfig, { number: 5, time: 2_000_000_000, difficulty: 1n }).isShanghai).toBe(false);
    expect(rulesAt(sepoliaConfig, { number: 5, time: 2_000_000_000, difficulty: 0n }).isOsaka).toBe(true);
  });

  test("petersburg comes with constantinople unless it has a block of its own (geth IsPetersburg)", () => {
    const base = {
      chainId: 1n,
      homesteadBlock: 0,
      eip150Block: 0,
      eip155Block: 0,
      eip158Block: 0,
      byzantiumBlock: 0,
      constantinopleBlock: 5,
    };
    expect(rulesAt(base, { number: 5, time: 0 }).fork).toBe("petersburg");
    expect(rulesAt({ ...base, petersburgBlock: 9 }, { number: 5, time: 0 }).fork).toBe("constantinople");
  });
});

test("forks out of order are refused", () => {
  const base = { chainId: 1n, homesteadBlock: 10, eip150Block: 5 };
  expect(codeOf(() => checkForkOrder(base))).toBe(
    "PARAMS_FORK_ORDER unsupported fork order: homesteadBlock must not come after eip150Block",
  );
  expect(codeOf(() => checkForkOrder({ chainId: 1n, londonBlock: 5 }))).toMatch(/^PARAMS_FORK_ORDER/);
  expect(codeOf(() => checkForkOrder(mainnetConfig))).toBe("none");
  expect(codeOf(() => checkForkOrder(sepoliaConfig))).toBe("none");
});

describe("parseGenesis", () => {
  test("decimal, hex and empty numbers; odd storage words; addresses with and without 0x", () => {
    const genesis = parseGenesis({
      config: { chainId: "0x539", homesteadBlock: "0", clique: { period: "1" } },
      difficulty: "16",
      gasLimit: "0x10",
      nonce: "",
      timestamp: 7,
      alloc: {
        "0x00000000000000000000000000000000000000aa": {
          balance: "10",
          nonce: "0x2",
          code: "0x60",
          storage: { "0x3": "0x007", "4": "0x00" },
        },
        "00000000000000000000000000000000000000bb": { balance: "0xff" },
      },
    });
    expect([genesis.chainId, genesis.difficulty, genesis.gasLimit, genesis.timestamp]).toEqual([
      1337,
      16n,
      16n,
      7,
    ]);
    expect(genesis.config.clique).toEqual({ period: 1, epoch: 30_000 });
    const [a, b] = genesis.alloc;
    expect([a?.balance, a?.nonce, b?.balance]).toEqual([10n, 2n, 255n]);
    expect(a?.storage.map(([slot, value]) => [toHex(slot), toHex(value)])).toEqual([
      [`0x${"3".padStart(64, "0")}`, "0x07"],
    ]);
  });

  test.each([
    ["not JSON", "{", "PARAMS_BAD_GENESIS genesis: (file): not JSON"],
    ["no difficulty", { alloc: {} }, "PARAMS_BAD_GENESIS genesis: difficulty: missing"],
    ["no alloc", { difficulty: 1 }, "PARAMS_BAD_GENESIS genesis: alloc: missing"],
    [
      "a negative number",
      { difficulty: -1, alloc: {} },
      "PARAMS_BAD_GENESIS genesis: difficulty: not a decimal or 0x number",
    ],
    [
      "a short hash",
      { difficulty: 1, alloc: {}, mixHash: "0x12" },
      "PARAMS_BAD_GENESIS genesis: mixHash: 1 bytes instead of 32",
    ],
    [
      "a balance over 256 bits",
      { difficulty: 1, alloc: { [`${"0".repeat(40)}`]: { balance: `0x1${"0".repeat(64)}` } } },
      `PARAMS_BAD_GENESIS genesis: alloc.${"0".repeat(40)}.balance: more than 256 bits`,
    ],
  ])("%s is named with its path", (_, json, message) => {
    expect(codeOf(() => parseGenesis(json))).toBe(message);
  });

  test("whatever the JSON is, only PARAMS_* comes out", () => {
    const leaf = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom("0x", "0x1", "0xzz", "-1", "1e9", "", 2 ** 60),
    );
    const field = (names: readonly string[]) =>
      fc.dictionary(fc.constantFrom(...names), leaf, { maxKeys: 8 });
    const account = field(["balance", "nonce", "code", "storage"]);
    const file = fc.record(
      {
        config: field([
          "chainId",
          "homesteadBlock",
          "eip150Block",
          "londonBlock",
          "shanghaiTime",
          "clique",
          "blobSchedule",
          "terminalTotalDifficulty",
        ]),
        difficulty: leaf,
        alloc: fc.oneof(leaf, fc.dictionary(fc.constantFrom("0".repeat(40), "0x12", "zz"), account)),
        gasLimit: leaf,
        extraData: leaf,
        coinbase: leaf,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(file, (json) => {
        expect(codeOf(() => parseGenesis(json))).toMatch(/^(none|PARAMS_)/);
      }),
      { seed: 0x9e7e515, numRuns: 500 },
    );
  });

  test("formatGenesis is its inverse", () => {
    const genesis = devGenesis(
      { "0x71562b71999873db5b286df957af199ec94617f7": 10n ** 24n },
      {
        accounts: [
          {
            address: new Uint8Array(20),
            balance: 1n,
            nonce: 2n,
            code: fromHex("0x6001"),
            storage: [[new Uint8Array(32), Uint8Array.of(9)]],
          },
        ],
      },
    );
    const again = parseGenesis(JSON.parse(JSON.stringify(formatGenesis(genesis))));
    expect(JSON.stringify(formatGenesis(again))).toBe(JSON.stringify(formatGenesis(genesis)));
    expect(again.alloc).toHaveLength(2);
  });
});

test("devGenesis: chain id 1337, sealed by the well-known key, the same each time", () => {
  const make = () => devGenesis({ "0x71562b71999873db5b286df957af199ec94617f7": 1n });
  expect(make().chainId).toBe(1337);
  expect(make()).toEqual(make());
  expect(toHex(make().extraData.subarray(32, 52))).toBe(toHex(DEV_ADDRESS));
  expect(make().extraData).toHaveLength(32 + 20 + 65);
});

describe("blobs", () => {
  test("base fee: EIP-4844's fake exponential (geth eip4844_test.go)", () => {
    const cancun = DEFAULT_BLOB_SCHEDULE["cancun"];
    if (cancun === undefined) throw new Error("no schedule");
    const rows = [
      [0n, 1n],
      [2_314_057n, 1n],
      [2_314_058n, 2n],
      [10n * 1024n * 1024n, 23n],
    ] as const;
    for (const [excess, want] of rows) expect(blobBaseFee(excess, cancun)).toBe(want);
  });

  test("schedule by fork; osaka keeps prague's where it has none", () => {
    const at = (time: number, config: ChainConfig = mainnetConfig) =>
      blobScheduleAt(config, { number: 30_000_000, time, difficulty: 0n });
    expect(at(1_700_000_000)).toBeUndefined();
    expect(at(1_710_338_135)?.max).toBe(6);
    expect(at(1_746_612_311)?.max).toBe(9);
    expect(at(1_767_747_671)?.max).toBe(21);
    const { osaka: _, ...rest } = DEFAULT_BLOB_SCHEDULE;
    expect(at(1_764_798_551, { ...mainnetConfig, blobSchedule: rest })?.max).toBe(9);
  });
});
