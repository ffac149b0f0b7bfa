// long: the rules of EIP-225 as tests
import type { HeaderReader } from "#consensus";
import { HeaderChain } from "#core";
import { readCliqueSnapshotJson } from "#core/rawdb";
import { type Header, type HeaderFields, makeHeader } from "#core/types";
import { type KeyValueStore, memoryStore } from "#ethdb";
import { fromHex, toHex } from "#util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type ChildOptions,
  childHeader,
  cliqueConfig,
  cliqueGenesisHeader,
  sealFields,
  SignerPool,
} from "../../../test/kit/clique.ts";
import { Clique } from "./clique.ts";
import { sealHash } from "./extra.ts";
import { nonceAuthVote } from "./snapshot.ts";

const now = 1_000_000;

interface Setup {
  readonly signers?: readonly string[];
  readonly period?: number;
  readonly epoch?: number;
  readonly forks?: Parameters<typeof cliqueConfig>[1];
  readonly genesis?: Partial<HeaderFields>;
  readonly db?: KeyValueStore;
  readonly pool?: SignerPool;
}

function setup({
  signers = ["A"],
  period = 1,
  epoch = 30_000,
  forks,
  genesis,
  db = memoryStore(),
  pool = new SignerPool(),
}: Setup = {}) {
  const config = cliqueConfig({ period, epoch }, forks);
  const engine = new Clique({ period, epoch }, db);
  const header = cliqueGenesisHeader(pool.sorted(signers), genesis);
  const chain = new HeaderChain({ db, config, engine, genesis: header, clock: { unixSeconds: () => now } });
  return { pool, engine, chain, genesis: header, db };
}

/** Seals the next header with these changes by A, who alone is always in turn, and inserts it. */
function insertChanged(options: ChildOptions, world: Setup = {}) {
  const { chain, pool, genesis } = setup(world);
  chain.insert([childHeader(genesis, pool.signer("A"), { inTurn: true, ...options })]);
}

const refusal = (code: string, number = 1) =>
  expect.objectContaining({ code, data: expect.objectContaining({ number }) });

describe("LC-06 headers that break a rule of clique", () => {
  const extra = (length: number) => new Uint8Array(length);
  const rows: readonly [name: string, code: string, options: ChildOptions, world?: Setup][] = [
    [
      "timestamp equal to the parent's",
      "CLIQUE_INVALID_TIMESTAMP",
      { fields: { time: 100 } },
      { genesis: { time: 100 } },
    ],
    [
      "timestamp before the parent's",
      "CLIQUE_INVALID_TIMESTAMP",
      { fields: { time: 99 } },
      { genesis: { time: 100 } },
    ],
    ["timestamp within the period", "CLIQUE_INVALID_TIMESTAMP", { fields: { time: 4 } }, { period: 5 }],
    ["timestamp 16 s ahead of the clock", "CONSENSUS_FUTURE_BLOCK", { fields: { time: now + 16 } }],
    [
      "gas limit moved by parent/1024",
      "CONSENSUS_INVALID_GAS_LIMIT",
      { fields: { gasLimit: 8_000_000n + 7812n } },
    ],
    [
      "gas limit lowered by parent/1024",
      "CONSENSUS_INVALID_GAS_LIMIT",
      { fields: { gasLimit: 8_000_000n - 7812n } },
    ],
    [
      "gas limit below 5000",
      "CONSENSUS_INVALID_GAS_LIMIT",
      { fields: { gasLimit: 4999n } },
      { genesis: { gasLimit: 5000n } },
    ],
    [
      "gas limit above 2^63-1",
      "CONSENSUS_INVALID_GAS_LIMIT",
      { fields: { gasLimit: 1n << 63n } },
      { genesis: { gasLimit: (1n << 63n) - 1n } },
    ],
    ["more gas used than the limit", "CONSENSUS_INVALID_GAS_USED", { fields: { gasUsed: 8_000_001n } }],
    ["base fee before London", "CONSENSUS_INVALID_BASE_FEE", { fields: { baseFee: 1n } }],
    ["extra data of 31 bytes", "CLIQUE_MISSING_VANITY", {}],
    ["extra data of 33 bytes", "CLIQUE_MISSING_SIGNATURE", {}],
    ["extra data of 96 bytes", "CLIQUE_MISSING_SIGNATURE", { fields: { extra: extra(96) } }],
    ["extra data of 98 bytes", "CLIQUE_EXTRA_SIGNERS", { fields: { extra: extra(98) } }],
    ["a signer list outside a checkpoint", "CLIQUE_EXTRA_SIGNERS", { fields: { extra: extra(117) } }],
    ["signer not authorised", "CLIQUE_UNAUTHORIZED_SIGNER", {}],
    ["difficulty of a block out of turn", "CLIQUE_WRONG_DIFFICULTY", { inTurn: false }],
    ["difficulty 0", "CLIQUE_INVALID_DIFFICULTY", { fields: { difficulty: 0n } }],
    ["difficulty 3", "CLIQUE_INVALID_DIFFICULTY", { fields: { difficulty: 3n } }],
    ["seal of zeros", "CLIQUE_INVALID_SIGNATURE", {}],
    [
      "vote nonce of neither kind",
      "CLIQUE_INVALID_VOTE",
      { fields: { nonce: fromHex("0x0000000000000001") } },
    ],
    ["mix digest set", "CLIQUE_INVALID_MIX_DIGEST", { fields: { mixDigest: new Uint8Array(32).fill(1) } }],
    ["uncles", "CLIQUE_INVALID_UNCLE_HASH", { fields: { unclesHash: new Uint8Array(32) } }],
    ["number skipped", "CONSENSUS_INVALID_NUMBER", { fields: { number: 2 } }],
    ["parent unknown", "CONSENSUS_UNKNOWN_ANCESTOR", { fields: { parentHash: new Uint8Array(32).fill(7) } }],
    [
      "withdrawals",
      "CONSENSUS_UNEXPECTED_FIELD",
      { fields: { baseFee: 875_000_000n, withdrawalsRoot: new Uint8Array(32) } },
    ],
    [
      "checkpoint with a beneficiary",
      "CLIQUE_INVALID_CHECKPOINT_BENEFICIARY",
      { voteOn: new Uint8Array(20).fill(1) },
      { epoch: 1 },
    ],
    [
      "checkpoint with a vote",
      "CLIQUE_INVALID_CHECKPOINT_VOTE",
      { fields: { nonce: nonceAuthVote } },
      { epoch: 1 },
    ],
    [
      "checkpoint with half an address",
      "CLIQUE_INVALID_CHECKPOINT_SIGNERS",
      { fields: { extra: extra(107) } },
      { epoch: 1 },
    ],
    ["checkpoint without its signers", "CLIQUE_MISMATCHING_CHECKPOINT_SIGNERS", {}, { epoch: 1 }],
    [
      "checkpoint with other signers",
      "CLIQUE_MISMATCHING_CHECKPOINT_SIGNERS",
      { checkpoint: [new Uint8Array(20).fill(9)] },
      { epoch: 1 },
    ],
  ];
  const unsealed: Readonly<Record<string, number>> = {
    "extra data of 31 bytes": 31,
    "extra data of 33 bytes": 33,
    "seal of zeros": 97,
  };

  test.each(rows)("LC-06 %s: %s", (name, code, options, world) => {
    const number = options.fields?.number ?? 1;
    const length = unsealed[name];
    if (length !== undefined) {
      const { chain, genesis, pool } = setup(world);
      const good = childHeader(genesis, pool.signer("A"), { inTurn: true });
      const blank = { sign: () => new Uint8Array(65), address: new Uint8Array(20) };
      const bad =
        length === 97
          ? sealFields(good, blank)
          : { ...good, extra: new Uint8Array(length), hash: new Uint8Array(32).fill(1) };
      expect(() => chain.insert([bad])).toThrow(refusal(code));
    } else if (name === "signer not authorised") {
      const { chain, genesis, pool } = setup(world);
      expect(() => chain.insert([childHeader(genesis, pool.signer("X"), { inTurn: true })])).toThrow(
        refusal(code),
      );
    } else {
      expect(() => insertChanged(options, world)).toThrow(refusal(code, number));
    }
  });

  test("LC-06 a seal over another header", () => {
    const { chain, genesis, pool } = setup();
    const good = childHeader(genesis, pool.signer("A"), { inTurn: true });
    const other = childHeader(genesis, pool.signer("A"), { inTurn: true, fields: { time: 7 } });
    const stolen = sealFields(good, { address: new Uint8Array(20), sign: () => other.extra.slice(-65) });
    expect(() => chain.insert([stolen])).toThrow(refusal("CLIQUE_UNAUTHORIZED_SIGNER"));
  });

  test("LC-06 recovery id 27 is no seal", () => {
    const { chain, genesis, pool } = setup();
    const good = childHeader(genesis, pool.signer("A"), { inTurn: true });
    const seal = good.extra.slice(-65);
    seal[64] = 27 + (seal[64] ?? 0);
    const old = sealFields(good, { address: new Uint8Array(20), sign: () => seal });
    expect(() => chain.insert([old])).toThrow(refusal("CLIQUE_INVALID_SIGNATURE"));
  });

  test("LC-06 what is at the edge passes", () => {
    for (const fields of [
      { time: now + 15 },
      { gasLimit: 8_000_000n + 7811n },
      { gasLimit: 8_000_000n - 7811n },
      { gasUsed: 8_000_000n },
    ])
      expect(() => insertChanged({ fields })).not.toThrow();
  });

  test("LC-06 one of five signers may not seal blocks 1 and 2, though the limit of 3 reaches before the genesis", () => {
    const { chain, genesis, pool } = setup({ signers: ["A", "B", "C", "D", "E"] });
    const turn = (name: string, number: number) =>
      pool.sorted(["A", "B", "C", "D", "E"]).findIndex((a) => toHex(a) === toHex(pool.address(name))) ===
      number % 5;
    const first = childHeader(genesis, pool.signer("A"), { inTurn: turn("A", 1) });
    const second = childHeader(first, pool.signer("A"), { inTurn: turn("A", 2) });
    expect(() => chain.insert([first, second])).toThrow(refusal("CLIQUE_RECENTLY_SIGNED", 2));
    expect(chain.head.number).toBe(0);
  });
});

test("LC-06 a sealed header with any one field changed is refused, and the error names it", () => {
  const { chain, genesis, pool } = setup({
    forks: { istanbulBlock: 0, berlinBlock: 0, londonBlock: 0 },
    genesis: { baseFee: 7n },
  });
  const good = childHeader(genesis, pool.signer("A"), { inTurn: true, fields: { baseFee: 7n } });
  const names = (Object.keys(good) as (keyof Header)[]).filter((name) => name !== "hash");
  fc.assert(
    fc.property(
      fc.constantFrom(...names),
      fc.nat(),
      fc.uint8Array({ maxLength: 300 }),
      fc.bigInt(1n, (1n << 64n) - 1n),
      (name, at, bytes, number) => {
        const old = good[name];
        const flipped = (value: Uint8Array) =>
          value.map((byte, i) => (i === at % value.length ? byte ^ (1 + (at % 255)) : byte));
        // extra is the one field of free length; the others have theirs by type
        const changed =
          old instanceof Uint8Array
            ? name === "extra" && at % 2 === 0
              ? bytes
              : flipped(old)
            : typeof old === "bigint"
              ? old ^ number
              : Number(number % 1_000_000n) + 1 + Number(old);
        const bad = makeHeader({ ...good, [name]: changed });
        expect(() => chain.insert([bad])).toThrow(
          expect.objectContaining({
            code: expect.stringMatching(/^(CLIQUE|CONSENSUS)_/),
            data: expect.objectContaining({ number: bad.number }),
          }),
        );
        expect(chain.head.number).toBe(0);
      },
    ),
    { seed: 6, numRuns: 500 },
  );
  expect(chain.insert([good]).head.number).toBe(1);
});

describe("LC-06 London", () => {
  const world: Setup = { forks: { istanbulBlock: 0, berlinBlock: 0, londonBlock: 2 } };
  const child = (parent: Header, pool: SignerPool, fields: Partial<HeaderFields>) =>
    childHeader(parent, pool.signer("A"), { inTurn: true, fields });

  test("LC-06 the first block doubles the limit and starts at 1 gwei, the next moves by an eighth", () => {
    const { chain, pool, genesis } = setup(world);
    const one = child(genesis, pool, {});
    const two = child(one, pool, { gasLimit: 16_000_000n, baseFee: 1_000_000_000n, gasUsed: 16_000_000n });
    const three = child(two, pool, { gasLimit: 16_000_000n, baseFee: 1_125_000_000n });
    const four = child(three, pool, { gasLimit: 16_000_000n, baseFee: 984_375_000n });
    expect(chain.insert([one, two, three, four]).head.number).toBe(4);
  });

  test.each([
    ["missing", {}],
    ["too high", { baseFee: 1_000_000_001n }],
  ])("LC-06 base fee %s", (_, fields) => {
    const { chain, pool, genesis } = setup(world);
    const one = child(genesis, pool, {});
    const two = child(one, pool, { gasLimit: 16_000_000n, ...fields });
    expect(() => chain.insert([one, two])).toThrow(refusal("CONSENSUS_INVALID_BASE_FEE", 2));
  });

  test("LC-06 gas limit of the first London block is measured against twice the parent's", () => {
    const { chain, pool, genesis } = setup(world);
    const one = child(genesis, pool, {});
    const two = child(one, pool, { gasLimit: 8_000_000n, baseFee: 1_000_000_000n });
    expect(() => chain.insert([one, two])).toThrow(refusal("CONSENSUS_INVALID_GAS_LIMIT", 2));
  });

  test("LC-06 clique refuses Shanghai", () => {
    const forks = { istanbulBlock: 0, berlinBlock: 0, londonBlock: 0, shanghaiTime: 0 };
    const { chain, pool, genesis } = setup({ forks });
    expect(() => chain.insert([child(genesis, pool, {})])).toThrow(refusal("CLIQUE_UNSUPPORTED_FORK"));
  });
});

describe("sealing", () => {
  test("three signers take turns, and what they seal verifies", () => {
    const names = ["A", "B", "C"];
    const { chain, engine, pool, genesis } = setup({ signers: names, epoch: 10 });
    let parent = genesis;
    const difficulties: bigint[] = [];
    for (let number = 1; number <= 30; number++) {
      const signer = pool.signer(names[number % 3] ?? "A");
      const draft = childHeader(parent, signer);
      const header = engine.seal(
        chain,
        sealFields(engine.prepare(chain, draft, parent, signer), signer),
        signer,
      );
      chain.insert([header]);
      difficulties.push(header.difficulty);
      expect(engine.author(header)).toEqual(signer.address);
      parent = header;
    }
    expect(chain.head.number).toBe(30);
    expect(new Set(difficulties).size).toBeLessThanOrEqual(2);
    expect(chain.headerByNumber(20)?.extra.length).toBe(32 + 60 + 65);
  });

  test("refuses strangers, those who sealed last, and nobody", () => {
    const { chain, engine, pool, genesis } = setup({ signers: ["A", "B"] });
    const [a, x] = [pool.signer("A"), pool.signer("X")];
    expect(() => engine.seal(chain, childHeader(genesis, x), x)).toThrow(
      refusal("CLIQUE_UNAUTHORIZED_SIGNER"),
    );
    expect(() => engine.seal(chain, childHeader(genesis, a), undefined)).toThrow(refusal("CLIQUE_NO_SIGNER"));
    const prepared = engine.prepare(chain, childHeader(genesis, a), genesis, a);
    const first = engine.seal(chain, sealFields(prepared, a), a);
    chain.insert([first]);
    expect(() => engine.seal(chain, childHeader(first, a), a)).toThrow(refusal("CLIQUE_RECENTLY_SIGNED", 2));
  });

  test("proposals become votes until they have passed", () => {
    const { chain, engine, pool, genesis } = setup();
    const a = pool.signer("A");
    engine.propose(pool.address("B"), true);
    const next = (parent: Header) => engine.prepare(chain, childHeader(parent, a), parent, a);
    const first = engine.seal(chain, sealFields(next(genesis), a), a);
    expect(first.coinbase).toEqual(pool.address("B"));
    expect(first.nonce).toEqual(nonceAuthVote);
    chain.insert([first]);
    expect(engine.snapshot(chain, first).signers).toHaveLength(2);
    expect(next(first).coinbase).toEqual(new Uint8Array(20));
  });
});

describe("snapshots are found again", () => {
  test("from the row of every 1024th block after a restart", () => {
    const db = memoryStore();
    const pool = new SignerPool();
    const world = setup({ db, pool });
    const headers: Header[] = [];
    for (let parent = world.genesis; headers.length < 1030; headers.push(parent))
      parent = childHeader(parent, pool.signer("A"), { inTurn: true });
    world.chain.insert(headers);
    const row = headers[1023];
    expect(row && readCliqueSnapshotJson(db, row.hash)).toContain(`"number":1024`);

    const again = setup({ db, pool });
    let looks = 0;
    const counting: HeaderReader = {
      config: again.chain.config,
      headerByHash: (hash) => (looks++, again.chain.headerByHash(hash)),
      headerByNumber: (number) => again.chain.headerByNumber(number),
    };
    expect(again.engine.snapshot(counting, again.chain.head).signers).toEqual([toHex(pool.address("A"))]);
    expect(looks).toBe(6);
  });

  test("a chain that begins at a checkpoint trusts the signers it lists", () => {
    const { engine, pool } = setup({ epoch: 10 });
    const start = cliqueGenesisHeader(pool.sorted(["A", "B"]), {
      number: 20,
      parentHash: new Uint8Array(32).fill(1),
    });
    const view: HeaderReader = {
      config: cliqueConfig(),
      headerByHash: () => undefined,
      headerByNumber: () => undefined,
    };
    expect(engine.snapshot(view, start).signers).toEqual(pool.sorted(["A", "B"]).map(toHex));
    const between = cliqueGenesisHeader([], { number: 21, parentHash: new Uint8Array(32).fill(1) });
    expect(() => engine.snapshot(view, between)).toThrow(
      expect.objectContaining({ code: "CONSENSUS_UNKNOWN_ANCESTOR" }),
    );
  });
});

test("the seal hash leaves out the seal and takes in the base fee", () => {
  const signer = new SignerPool().signer("A");
  const header = childHeader(cliqueGenesisHeader([signer.address]), signer, { fields: { baseFee: 7n } });
  expect(sealHash(header)).toEqual(
    sealHash({ ...header, extra: header.extra.map((byte, i) => (i < 32 ? byte : 0)) }),
  );
  expect(sealHash(header)).not.toEqual(sealHash({ ...header, baseFee: 8n }));
});
