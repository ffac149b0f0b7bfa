// long: published vectors and the difficulty of every fork
import { describe, expect, test } from "vitest";
import { blankFields, cliqueConfig } from "../../../test/kit/clique.ts";
import { openFixtures, whyNoFixtures } from "../../../test/kit/fixtures.ts";
import type { BlockReader } from "#consensus";
import { type Block, decodeHeader, emptyUnclesHash, type Header, makeHeader, unclesHash } from "#core/types";
import type { ChainConfig } from "#params";
import { fromHex, toHex, utf8Encode } from "#util";
import {
  cacheSize,
  datasetSize,
  difficultyAt,
  Ethash,
  hashimotoLight,
  localSealChecker,
  makeCache,
  seedHash,
  type SealChecker,
  sealHash,
  sealOf,
} from "./index.ts";

/** Every seal holds, as in geth's ethash.NewFaker. */
const trusting: SealChecker = {
  checkNow: () => undefined,
  check: async (seals) => seals.map(() => undefined),
  close: async () => {},
};

describe("the algorithm", () => {
  test("sizes have prime rows (TestSizeCalculations@v1.11.6)", () => {
    expect([0, 1, 2, 2046, 2047].map(cacheSize)).toEqual([
      16776896, 16907456, 17039296, 284950208, 285081536,
    ]);
    expect([0, 1, 2, 2046, 2047].map(datasetSize)).toEqual([
      1073739904, 1082130304, 1090514816, 18236833408, 18245220736,
    ]);
  });

  test("a small cache (TestCacheGeneration@v1.11.6)", () => {
    const bytes = new Uint8Array(makeCache(1024, seedHash(0)).buffer);
    expect(toHex(bytes).slice(0, 66)).toBe(
      "0x7ce2991c951f7bf4c4c1bb119887ee07871eb5339d7b97b8588e85c742de90e5",
    );
    expect(toHex(seedHash(1))).toBe("0x290decd9548b62a8d60345a988386fc84ba6bc95484008f6362f93160ef3e563");
  });

  test("hashimoto over it (TestHashimoto@v1.11.6)", () => {
    const cache = makeCache(1024, seedHash(0));
    const hash = fromHex("0xc9149cc0386e689d789a1c2f3d5d169a61a6218ed30e74414dc736e442ef3d1f");
    const { mixDigest, result } = hashimotoLight(cache, 32 * 1024, hash, new Uint8Array(8));
    expect(toHex(mixDigest)).toBe("0xe4073cffaef931d37117cefd9afd27ea0f1cad6a981dd2605c4a1ac97c519800");
    expect(toHex(result)).toBe("0xd3539235ee2e6f8db665c0a72169f55b7f6c605712330b778ec3944f0eb5a557");
  });
});

const refuses = (code: string) => expect.objectContaining({ code });

const whyNoBasic = whyNoFixtures("ethereum-tests-basic");
describe.skipIf(whyNoBasic !== undefined)(
  `ethereum/tests${whyNoBasic === undefined ? "" : ` (${whyNoBasic})`}`,
  () => {
    interface PowCase {
      nonce: string;
      mixHash: string;
      header: string;
      result: string;
      cache_size: number;
      full_size: number;
      header_hash: string;
      cache_hash: string;
    }
    const text = (hex: string) => fromHex(`0x${hex.replace(/^0x/, "")}`);

    test("LC-06 EX-01 PoWTests: the real cache of epoch 0, and seals that break", () => {
      using fixtures = openFixtures("ethereum-tests-basic");
      const cases = Object.values(fixtures.read("PoWTests/ethash_tests.json") as Record<string, PowCase>);
      expect(cases.length).toBe(2);
      const checker = localSealChecker();
      const engine = new Ethash({ checker });
      for (const one of cases) {
        const header = decodeHeader(text(one.header));
        const verify = (change: Partial<Header>) => () =>
          engine.verifySeal(reader([]), makeHeader({ ...header, ...change }));
        expect([cacheSize(0), datasetSize(0)]).toEqual([one.cache_size, one.full_size]);
        expect(toHex(sealHash(header))).toBe(`0x${one.header_hash}`);
        // the vectors' work is right, and too little for the difficulty they name
        expect(verify({})).toThrow(refuses("ETHASH_INVALID_POW"));
        expect(verify({ mixDigest: new Uint8Array(32) })).toThrow(refuses("ETHASH_INVALID_MIX_DIGEST"));
        expect(verify({ nonce: new Uint8Array(8) })).toThrow(refuses("ETHASH_INVALID_MIX_DIGEST"));
        expect(verify({ difficulty: 0n })).toThrow(refuses("ETHASH_INVALID_DIFFICULTY"));
        // exactly as much as it is enough for
        const most = (1n << 256n) / BigInt(`0x${one.result}`);
        expect(checker.checkNow({ ...sealOf(header), difficulty: most })).toBeUndefined();
        expect(checker.checkNow({ ...sealOf(header), difficulty: most + 1n })).toBe("work");
      }
    });

    interface DifficultyCase {
      currentBlockNumber: string;
      currentDifficulty: string;
      currentTimestamp: string;
      parentDifficulty: string;
      parentTimestamp: string;
      parentUncles: string;
    }

    test("DifficultyTests of every fork", () => {
      using fixtures = openFixtures("ethereum-tests-basic");
      const wrong: string[] = [];
      let cases = 0;
      for (const path of fixtures.list("DifficultyTests"))
        for (const groups of Object.values(fixtures.read(path) as Record<string, Record<string, object>>))
          for (const [network, group] of Object.entries(groups)) {
            if (network === "_info") continue;
            for (const [name, one] of Object.entries(group as Record<string, DifficultyCase>)) {
              const parent = {
                number: Number(one.currentBlockNumber) - 1,
                time: Number(one.parentTimestamp),
                difficulty: BigInt(one.parentDifficulty),
                unclesHash: Number(one.parentUncles) === 0 ? emptyUnclesHash : new Uint8Array(32),
              };
              const have = difficultyAt(configOf(network), Number(one.currentTimestamp), parent);
              if (have !== BigInt(one.currentDifficulty)) wrong.push(`${path} ${network} ${name}: ${have}`);
              cases++;
            }
          }
      expect(wrong).toEqual([]);
      expect(cases).toBe(18_598);
    });
  },
);

const none: ChainConfig = { chainId: 1n };
const forks: Readonly<Record<string, ChainConfig>> = {
  Frontier: none,
  Homestead: { ...none, homesteadBlock: 0 },
  Byzantium: { ...none, homesteadBlock: 0, byzantiumBlock: 0 },
  Constantinople: { ...none, homesteadBlock: 0, byzantiumBlock: 0, constantinopleBlock: 0 },
  Berlin: { ...none, byzantiumBlock: 0, constantinopleBlock: 0, muirGlacierBlock: 0 },
  London: { ...none, byzantiumBlock: 0, muirGlacierBlock: 0, londonBlock: 0 },
  ArrowGlacier: { ...none, byzantiumBlock: 0, londonBlock: 0, arrowGlacierBlock: 0 },
  GrayGlacier: { ...none, byzantiumBlock: 0, londonBlock: 0, arrowGlacierBlock: 0, grayGlacierBlock: 0 },
};
function configOf(network: string): ChainConfig {
  const config = forks[network];
  if (config === undefined) throw new Error(`no fork ${network}`);
  return config;
}

const powConfig: ChainConfig = {
  ...cliqueConfig(undefined),
  clique: undefined,
  daoForkBlock: 3,
  daoForkSupport: true,
};

/** A chain of headers on a parent of that number, each 13 s after the one before. */
function child(parent: Header, change: Partial<Header> = {}): Header {
  const fields = {
    ...blankFields,
    parentHash: parent.hash,
    number: parent.number + 1,
    time: parent.time + 13,
    extra: new Uint8Array(0),
    gasLimit: parent.gasLimit,
    ...change,
  };
  return makeHeader({
    ...fields,
    difficulty: change.difficulty ?? difficultyAt(powConfig, fields.time, parent),
  });
}

const genesis = makeHeader({
  ...blankFields,
  difficulty: 1_000_000n,
  time: 1_000,
  extra: new Uint8Array(0),
});

function reader(blocks: readonly Block[]): BlockReader {
  const byHash = new Map(blocks.map((block) => [toHex(block.header.hash), block]));
  return {
    config: powConfig,
    headerByHash: (hash) => byHash.get(toHex(hash))?.header,
    headerByNumber: (number) => blocks.find(({ header }) => header.number === number)?.header,
    body: (header) => byHash.get(toHex(header.hash)),
  };
}

describe("headers", () => {
  const engine = new Ethash({ checker: trusting });
  const chain = reader([]);
  const dao = { extra: utf8Encode("dao-hard-fork") };
  const late = makeHeader({ ...blankFields, number: 2, time: 1_000, difficulty: 1_000_000n });

  test.each([
    ["LC-06 timestamp equal to the parent's", { time: 1_000, difficulty: 1n }, "CONSENSUS_INVALID_TIME"],
    ["LC-06 timestamp 16 s ahead", { time: 2_016 }, "CONSENSUS_FUTURE_BLOCK"],
    ["LC-06 extra data of 33 bytes", { extra: new Uint8Array(33) }, "CONSENSUS_EXTRA_TOO_LONG"],
    ["LC-06 difficulty one too high", { difficulty: 1_000_489n }, "CONSENSUS_INVALID_DIFFICULTY"],
    ["LC-06 gas limit out of bound", { gasLimit: 4_999n }, "CONSENSUS_INVALID_GAS_LIMIT"],
    [
      "LC-06 a field of a later fork",
      { withdrawalsRoot: new Uint8Array(32), baseFee: 1n },
      "CONSENSUS_INVALID_BASE_FEE",
    ],
    ["LC-06 another parent", { parentHash: new Uint8Array(32) }, "CONSENSUS_UNKNOWN_ANCESTOR"],
  ])("%s", (_, change, code) => {
    expect(() => engine.verifyHeader(chain, child(genesis, change), genesis, { now: 2_000 })).toThrow(
      expect.objectContaining({ code, data: expect.objectContaining({ number: 1 }) }),
    );
  });

  test("the DAO fork's extra-data is asked for on ten blocks", () => {
    const verify = (header: Header, parent: Header) => () =>
      engine.verifyHeader(chain, header, parent, { now: 9_999_999 });
    expect(verify(child(late), late)).toThrow(expect.objectContaining({ code: "ETHASH_BAD_PRO_FORK_EXTRA" }));
    expect(verify(child(late, dao), late)).not.toThrow();
    const after = makeHeader({ ...late, number: 12 });
    expect(verify(child(after), after)).not.toThrow();
  });

  test("a bad seal that was asked about ahead is refused without work on this thread", async () => {
    let asked = 0;
    const lying = new Ethash({
      checker: {
        checkNow: () => {
          throw new Error("not here");
        },
        check: async (seals) => seals.map(() => (asked++ === 0 ? undefined : "work")),
        close: async () => {},
      },
    });
    const one = child(genesis);
    const two = child(one);
    const known = reader([{ header: genesis, transactions: [], uncles: [] }]);
    await lying.checkSeals(
      known,
      [one, two].map((header) => ({ header, uncles: [] })),
      {},
    );
    lying.verifyHeader(known, one, genesis, { now: 9_999 });
    expect(() => lying.verifyHeader(known, two, one, { now: 9_999 })).toThrow(
      expect.objectContaining({ code: "ETHASH_INVALID_POW" }),
    );
    // a number out of nowhere is not asked about: its cache would be another
    const far = makeHeader({ ...genesis, number: 50_000_000 });
    await lying.checkSeals(known, [{ header: far, uncles: [] }], {});
    expect(asked).toBe(2);
  });

  test("fakePow: seals are believed unseen, and only seals", async () => {
    const checker: SealChecker = {
      checkNow: () => "work",
      check: async () => ["work"],
      close: async () => {},
    };
    const fake = new Ethash({ checker, fakePow: true });
    const one = child(genesis);
    await fake.checkSeals(chain, [{ header: one, uncles: [] }], {});
    expect(() => fake.verifyHeader(chain, one, genesis, { now: 9_999 })).not.toThrow();
    expect(() => fake.verifySeal(chain, one)).not.toThrow();
    const dear = child(genesis, { difficulty: 1_000_489n });
    expect(() => fake.verifyHeader(chain, dear, genesis, { now: 9_999 })).toThrow(
      expect.objectContaining({ code: "CONSENSUS_INVALID_DIFFICULTY" }),
    );
  });

  test("numbers beyond the known epochs are refused before any cache is made", () => {
    const far = makeHeader({ ...genesis, number: 61_440_000 });
    expect(() => new Ethash().verifySeal(chain, far)).toThrow(
      expect.objectContaining({ code: "ETHASH_INVALID_POW" }),
    );
  });
});

describe("uncles", () => {
  const engine = new Ethash({ checker: trusting });
  /** Nine blocks; `uncleOf(n)` is a sibling of block n. */
  const main: Block[] = [{ header: genesis, transactions: [], uncles: [] }];
  for (let i = 1; i <= 9; i++) {
    const parent = main.at(-1)?.header ?? genesis;
    const extra = i >= 3 ? utf8Encode("dao-hard-fork") : new Uint8Array(0);
    main.push({ header: child(parent, { extra }), transactions: [], uncles: [] });
  }
  const at = (number: number) => main[number]?.header ?? genesis;
  const uncleOf = (number: number, change: Partial<Header> = {}) =>
    child(at(number - 1), {
      extra: number >= 3 ? utf8Encode("dao-hard-fork") : new Uint8Array(0),
      coinbase: new Uint8Array(20).fill(1),
      ...change,
    });
  const verify =
    (uncles: readonly Header[], chain = reader(main)) =>
    () => {
      const header = child(at(9), { unclesHash: unclesHash(uncles), extra: utf8Encode("dao-hard-fork") });
      engine.verifyUncles(chain, { header, transactions: [], uncles });
    };

  test("siblings of the last seven ancestors but the parent's own children", () => {
    expect(verify([])).not.toThrow();
    for (const number of [4, 5, 8, 9]) expect(verify([uncleOf(number)])).not.toThrow();
    expect(verify([uncleOf(8), uncleOf(9)])).not.toThrow();
    expect(verify([uncleOf(3)])).toThrow(refuses("ETHASH_DANGLING_UNCLE"));
    expect(verify([uncleOf(10)])).toThrow(refuses("ETHASH_DANGLING_UNCLE"));
  });

  test.each([
    ["three", [uncleOf(7), uncleOf(8), uncleOf(9)], "ETHASH_TOO_MANY_UNCLES"],
    ["the same twice", [uncleOf(8), uncleOf(8)], "ETHASH_DUPLICATE_UNCLE"],
    ["an ancestor", [at(8)], "ETHASH_UNCLE_IS_ANCESTOR"],
    ["a wrong difficulty", [uncleOf(8, { difficulty: 131_072n })], "CONSENSUS_INVALID_DIFFICULTY"],
    ["a wrong number", [uncleOf(8, { number: 7 })], "CONSENSUS_INVALID_NUMBER"],
    ["an old time", [uncleOf(8, { time: 0 })], "CONSENSUS_INVALID_TIME"],
  ] as const)("LC-06 refused: %s", (_, uncles, code) => {
    expect(verify(uncles)).toThrow(refuses(code));
  });

  test("LC-06 an uncle that an ancestor named already", () => {
    const uncle = uncleOf(7);
    const blocks = main.map((block) =>
      block.header.number === 9
        ? {
            ...block,
            header: makeHeader({ ...block.header, unclesHash: unclesHash([uncle]) }),
            uncles: [uncle],
          }
        : block,
    );
    const header = child(blocks[9]?.header ?? genesis, { unclesHash: unclesHash([uncle]) });
    expect(() => engine.verifyUncles(reader(blocks), { header, transactions: [], uncles: [uncle] })).toThrow(
      refuses("ETHASH_DUPLICATE_UNCLE"),
    );
  });
});
