// EX-01 to EX-03: what split or stopped other nodes (CVE-2020-26240 to 26265, CVE-2021-39137, CVE-2020-28362).
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assemble } from "../../../test/kit/contract.ts";
import { testConfig } from "../../../test/kit/state-tests.ts";
import { applyDiff, genesisState, stateReader } from "#core/state";
import {
  emptyTxRoot,
  emptyUnclesHash,
  type Header,
  makeHeader,
  signTransaction,
  type TransactionFields,
} from "#core/types";
import { addressOf, parsePrivateKey, publicKeyOf } from "#crypto";
import { bytesToBigint, ByteMap, concatBytes, fromHex, toHex } from "#util";
import { executeBlock, openBlock, runCall } from "./index.ts";

const key = parsePrivateKey(fromHex("0xb71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291"));
const sender = addressOf(publicKeyOf(key));
const address = (last: number) => concatBytes(new Uint8Array(19), Uint8Array.of(last));
const code = address(0x77);
const heir = address(0x78);
const destructible = address(0x79);
const word = (value: bigint) => fromHex(`0x${value.toString(16).padStart(64, "0")}`);
const MAX = (1n << 256n) - 1n;

const genesis = genesisState({
  alloc: [
    { address: sender, balance: 10n ** 24n, nonce: 0n, code: new Uint8Array(0), storage: [] },
    {
      address: destructible,
      balance: 5n,
      nonce: 1n,
      // to whoever is named in the call data; called with nothing it only takes what it is sent
      code: assemble("CALLDATASIZE @go JUMPI STOP :go 0 CALLDATALOAD SELFDESTRUCT"),
      storage: [[word(0n), Uint8Array.of(7)]],
    },
  ],
});
const nodes = new ByteMap<Uint8Array>();
for (const [hash, node] of genesis.nodes) nodes.set(hash, node);
const codes = new ByteMap<Uint8Array>();
for (const [hash, bytes] of genesis.codes) codes.set(hash, bytes);
const reader = () => stateReader(nodes, codes, genesis.root);

const header = (change: Partial<Header> = {}): Header =>
  makeHeader({
    parentHash: new Uint8Array(32),
    unclesHash: emptyUnclesHash,
    coinbase: address(0xcc),
    stateRoot: genesis.root,
    txRoot: emptyTxRoot,
    receiptRoot: emptyTxRoot,
    bloom: new Uint8Array(256),
    difficulty: 2n,
    number: 10,
    gasLimit: 30_000_000n,
    gasUsed: 0n,
    time: 1_000,
    extra: new Uint8Array(0),
    mixDigest: new Uint8Array(32),
    nonce: new Uint8Array(8),
    ...change,
  });

/** Runs assembled code under the rules of a fork before London, with its gas. */
const run = (fork: string, source: string, rest: { input?: Uint8Array; gas?: bigint } = {}) =>
  runCall(
    { config: testConfig(fork), header: header() },
    { to: code, from: sender, gas: 1_000_000n, ...rest },
    reader(),
    { overrides: [{ address: code, code: assemble(source) }] },
  );
const RETURN = "0 MSTORE 32 0 RETURN";
const forks = ["Frontier", "Homestead", "Byzantium", "Istanbul", "Berlin"];

describe("EX-01 arithmetic", () => {
  test.each(forks)("EX-01 a modulus or divisor of 0 gives 0 (%s)", async (fork) => {
    for (const op of ["ADDMOD", "MULMOD"]) {
      const { status, returnData } = await run(fork, `0 ${MAX} ${MAX} ${op} ${RETURN}`);
      expect([op, status, bytesToBigint(returnData)]).toEqual([op, "ok", 0n]);
    }
    for (const op of ["DIV", "SDIV", "MOD", "SMOD"]) {
      const { status, returnData } = await run(fork, `0 ${MAX} ${op} ${RETURN}`);
      expect([op, status, bytesToBigint(returnData)]).toEqual([op, "ok", 0n]);
    }
  });

  test("EX-01 ADDMOD and MULMOD work beyond 256 bits", async () => {
    const edge = fc.constantFrom(0n, 1n, 2n, 1n << 128n, 1n << 255n, MAX - 1n, MAX);
    const number = fc.oneof(edge, fc.bigInt(0n, MAX));
    await fc.assert(
      fc.asyncProperty(number, number, number, async (a, b, n) => {
        const input = concatBytes(word(a), word(b), word(n));
        const load = "64 CALLDATALOAD 32 CALLDATALOAD 0 CALLDATALOAD";
        const add = await run("Istanbul", `${load} ADDMOD ${RETURN}`, { input });
        const mul = await run("Istanbul", `${load} MULMOD ${RETURN}`, { input });
        expect(bytesToBigint(add.returnData)).toBe(n === 0n ? 0n : (a + b) % n);
        expect(bytesToBigint(mul.returnData)).toBe(n === 0n ? 0n : (a * b) % n);
      }),
      { seed: 26242, numRuns: 60 },
    );
  });
});

describe("EX-02 the identity precompile gives copies", () => {
  const [a, b] = [0xaan, 0xbbn];
  const fill = `${a} 0 MSTORE ${b} 32 MSTORE`;
  const calls = [
    ["CALL", "64 32 64 0 0 4 GAS CALL"],
    ["CALLCODE", "64 32 64 0 0 4 GAS CALLCODE"],
    ["DELEGATECALL", "64 32 64 0 4 GAS DELEGATECALL"],
    ["STATICCALL", "64 32 64 0 4 GAS STATICCALL"],
  ] as const;

  test.each(calls)(
    "EX-02 %s whose output overlaps its input leaves the return data whole",
    async (_, call) => {
      // memory is a b …; the output goes to 32 …: a a b; return data must still be a b
      const { status, returnData } = await run(
        "Istanbul",
        `${fill} ${call} POP 64 0 96 RETURNDATACOPY 160 0 RETURN`,
      );
      expect(status).toBe("ok");
      expect(toHex(returnData)).toBe(toHex(concatBytes(...[a, a, b, a, b].map(word))));
    },
  );

  test.each(calls)(
    "EX-02 writing over the input after %s does not change the return data",
    async (_, call) => {
      const { returnData } = await run(
        "Istanbul",
        `${fill} ${call} POP 1 0 MSTORE 2 32 MSTORE 3 64 MSTORE 64 0 96 RETURNDATACOPY 64 96 RETURN`,
      );
      expect(toHex(returnData)).toBe(toHex(concatBytes(word(a), word(b))));
    },
  );

  test("EX-02 return data of a call is not what the caller's memory becomes", async () => {
    const inner = assemble("32 0 0 CALLDATACOPY 32 0 32 0 4 GAS STATICCALL POP 32 0 RETURN");
    const outer = `5 0 MSTORE 32 0 32 0 ${toHex(heir)} GAS STATICCALL POP 9 0 MSTORE 32 0 32 RETURNDATACOPY 64 0 RETURN`;
    const { returnData } = await runCall(
      { config: testConfig("Istanbul"), header: header() },
      { to: code, from: sender, gas: 1_000_000n },
      reader(),
      {
        overrides: [
          { address: code, code: assemble(outer) },
          { address: heir, code: inner },
        ],
      },
    );
    expect(toHex(returnData)).toBe(toHex(concatBytes(word(9n), word(5n))));
  });

  test("EX-02 what was destroyed is gone: balance, storage and code do not come back with a later transaction", async () => {
    const send = (nonce: bigint, change: Partial<TransactionFields>) =>
      signTransaction(
        {
          type: 0,
          nonce,
          gasPrice: 1n,
          gas: 100_000n,
          value: 0n,
          input: new Uint8Array(0),
          to: destructible,
          ...change,
        },
        key,
      );
    const block = await executeBlock(
      testConfig("Istanbul"),
      header(),
      {
        transactions: [send(0n, { input: concatBytes(new Uint8Array(12), heir) }), send(1n, { value: 1n })],
        uncles: [],
      },
      reader(),
    );
    const update = applyDiff(nodes, genesis.root, block.diff);
    const after = new ByteMap<Uint8Array>();
    for (const [hash, node] of [...genesis.nodes, ...update.nodes]) after.set(hash, node);
    const now = stateReader(after, codes, update.root);
    const left = await now.account(destructible);
    expect([left?.balance, left?.nonce]).toEqual([1n, 0n]);
    expect((await now.account(heir))?.balance).toBe(5n);
    expect(await now.storage(destructible, word(0n))).toEqual(new Uint8Array(0));
    expect(block.receipts.map(({ status }) => status)).toEqual([1, 1]);
  });
});

describe("EX-03 gas never wraps around", () => {
  const huge = [
    1n << 32n,
    (1n << 53n) - 1n,
    1n << 63n,
    (1n << 64n) - 1n,
    1n << 64n,
    1n << 128n,
    MAX - 31n,
    MAX,
  ];

  test.each([
    ["MSTORE", (n: bigint) => `1 ${n} MSTORE STOP`],
    ["MLOAD", (n: bigint) => `${n} MLOAD POP STOP`],
    ["KECCAK256", (n: bigint) => `${n} 0 KECCAK256 POP STOP`],
    ["CALLDATACOPY", (n: bigint) => `${n} 0 0 CALLDATACOPY STOP`],
    ["LOG0", (n: bigint) => `${n} 0 LOG0 STOP`],
    ["RETURN", (n: bigint) => `1 ${n} RETURN`],
    ["CALL's output", (n: bigint) => `${n} 0 0 0 0 4 GAS CALL STOP`],
    ["CALL's input", (n: bigint) => `0 0 ${n} 0 0 4 GAS CALL STOP`],
    ["CREATE", (n: bigint) => `${n} 0 0 CREATE STOP`],
  ])("EX-03 %s of memory that nobody can pay for", async (_, source) => {
    for (const size of huge) {
      const result = await run("Istanbul", source(size));
      expect([size, result.status, result.gasUsed]).toEqual([size, "failed", 1_000_000n]);
    }
  });

  test("EX-03 a length of 0 costs nothing at any offset", async () => {
    for (const offset of huge) {
      const source = `0 0 ${offset} CALLDATACOPY 0 ${offset} 0 ${offset} 0 4 GAS CALL POP 0 ${offset} RETURN`;
      expect((await run("Istanbul", source)).status).toBe("ok");
    }
  });

  test("EX-03 a call asks for all gas there is and gets 63 of 64 parts", async () => {
    const inner = assemble(`GAS ${RETURN}`);
    const outer = `32 0 0 0 0 ${toHex(heir)} ${MAX} CALL POP 32 0 RETURN`;
    const { returnData } = await runCall(
      { config: testConfig("Istanbul"), header: header() },
      { to: code, from: sender, gas: 1_000_000n },
      reader(),
      {
        overrides: [
          { address: code, code: assemble(outer) },
          { address: heir, code: inner },
        ],
      },
    );
    const given = bytesToBigint(returnData);
    expect(given < 979_000n && given > 950_000n).toBe(true);
    expect((await run("Frontier", outer)).status).toBe("failed");
  });

  test("EX-03 transactions whose gas or price is as large as it can be", async () => {
    const open = () => openBlock(testConfig("Istanbul"), header(), reader());
    const tx = (change: Partial<TransactionFields>) =>
      signTransaction(
        {
          type: 0,
          nonce: 0n,
          gasPrice: 1n,
          gas: 21_000n,
          value: 0n,
          input: new Uint8Array(0),
          to: heir,
          ...change,
        },
        key,
      );
    const reasons = [
      [{ gas: (1n << 64n) - 1n }, "gas limit reached"],
      [{ gas: 30_000_001n }, "gas limit reached"],
      [{ gasPrice: MAX }, "insufficient funds"],
      [{ gasPrice: MAX, gas: 30_000_000n, value: MAX }, "insufficient funds"],
      [{ gas: 20_999n }, "intrinsic gas too low"],
    ] as const;
    for (const [change, reason] of reasons) {
      const block = await open();
      await expect(block.apply(tx(change))).rejects.toThrow(reason);
      expect(block.gasUsed).toBe(0n);
    }
    // the sum of gas of a block is not taken modulo 2^64
    const block = await open();
    await block.apply(tx({ gas: 30_000_000n }));
    await expect(block.apply(tx({ nonce: 1n, gas: (1n << 64n) - 21_000n }))).rejects.toThrow(
      "gas limit reached",
    );
    expect(block.gasUsed).toBe(21_000n);
  });
});
