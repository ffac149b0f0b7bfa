// long: one state, and all that changes it
import { emptyCodeHash, emptyTxRoot } from "#core/types";
import type { AccountDiff, StateDiff } from "#core/vm";
import { keccak256 } from "#crypto";
import { devGenesis, sepoliaConfig, sepoliaGenesisHash } from "#params";
import { decode, encode } from "#rlp";
import { secureKey, verifyProof } from "#trie";
import { ByteMap, bytesToBigint, concatBytes, fromHex, GlimError, toHex, utf8Encode } from "#util";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  applyDiff,
  decodeAccount,
  decodeSlot,
  encodeAccount,
  genesisBlock,
  genesisState,
  proveAccount,
  proveStorage,
  stateReader,
  type StateUpdate,
} from "./index.ts";

const address = (last: number) => concatBytes(new Uint8Array(19), Uint8Array.of(last));
const slot = (last: number) => concatBytes(new Uint8Array(31), Uint8Array.of(last));

class Stores {
  readonly nodes = new ByteMap<Uint8Array>();
  readonly codes = new ByteMap<Uint8Array>();
  root = emptyTxRoot;
  apply(...accounts: AccountDiff[]): Uint8Array {
    return this.write(applyDiff(this.nodes, this.root, { accounts }));
  }
  write({ root, nodes, codes }: StateUpdate): Uint8Array {
    for (const [hash, node] of nodes) this.nodes.set(hash, node);
    for (const [hash, code] of codes) this.codes.set(hash, code);
    return (this.root = root);
  }
  reader = () => stateReader(this.nodes, this.codes, this.root);
}
const plain = (at: number, balance: bigint): AccountDiff => ({
  address: address(at),
  account: { nonce: 0n, balance, codeHash: emptyCodeHash },
  storageCleared: false,
  storage: [],
});

const codeOf = (fn: () => unknown) => {
  try {
    fn();
    return "none";
  } catch (error) {
    return error instanceof GlimError ? error.code : "?";
  }
};

describe("applyDiff and stateReader", () => {
  test("accounts, slots and code are read back; what is not there is undefined or empty", () => {
    const stores = new Stores();
    const code = fromHex("0x6001");
    const contract = {
      ...plain(2, 0n),
      account: { nonce: 1n, balance: 0n, codeHash: keccak256(code) },
      code,
      storage: [[slot(1), Uint8Array.of(7)]] as const,
    };
    stores.apply(plain(1, 5n), contract);
    const reader = stores.reader();
    expect(reader.account(address(1))).toEqual({
      nonce: 0n,
      balance: 5n,
      storageRoot: emptyTxRoot,
      codeHash: emptyCodeHash,
    });
    expect(reader.account(address(9))).toBeUndefined();
    expect(reader.storage(address(2), slot(1))).toEqual(Uint8Array.of(7));
    expect(reader.storage(address(2), slot(2))).toHaveLength(0);
    expect(reader.code(address(2), keccak256(code))).toEqual(code);
  });

  test("storage: set, changed, deleted, cleared; the last state is the first again", () => {
    const stores = new Stores();
    const storageRoot = () =>
      (stores.reader().account(address(1)) as { storageRoot: Uint8Array }).storageRoot;
    const change = (storage: AccountDiff["storage"], storageCleared = false, root?: Uint8Array): void => {
      stores.apply({ ...plain(1, 1n), storage, storageCleared, storageRoot: root });
    };
    change([[slot(1), Uint8Array.of(1)]]);
    const first = stores.root;
    change([[slot(2), Uint8Array.of(2)]], false, storageRoot());
    expect(stores.reader().storage(address(1), slot(1))).toEqual(Uint8Array.of(1));
    change([[slot(2), new Uint8Array(0)]], false, storageRoot());
    expect(toHex(stores.root)).toBe(toHex(first));
    change([[slot(3), Uint8Array.of(3)]], true, storageRoot());
    expect(stores.reader().storage(address(1), slot(1))).toHaveLength(0);
    change([], true, storageRoot());
    expect(toHex(storageRoot())).toBe(toHex(emptyTxRoot));
  });

  test("deleting the only account leaves the empty root", () => {
    const stores = new Stores();
    stores.apply(plain(1, 5n));
    expect(
      toHex(stores.apply({ address: address(1), account: undefined, storageCleared: true, storage: [] })),
    ).toBe(toHex(emptyTxRoot));
  });

  test("the root does not depend on the order or the number of diffs", () => {
    const accounts = fc.uniqueArray(
      fc.record({ at: fc.integer({ min: 1, max: 255 }), balance: fc.bigInt({ min: 0n, max: 1n << 200n }) }),
      {
        selector: ({ at }) => at,
        minLength: 1,
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(accounts, (rows) => {
        const diff = (list: typeof rows): StateDiff => ({
          accounts: list.map(({ at, balance }) => plain(at, balance)),
        });
        const once = applyDiff(new Stores().nodes, emptyTxRoot, diff(rows)).root;
        const reversed = applyDiff(new Stores().nodes, emptyTxRoot, diff(rows.toReversed())).root;
        const stepwise = new Stores();
        for (const row of rows) stepwise.write(applyDiff(stepwise.nodes, stepwise.root, diff([row])));
        expect([toHex(reversed), toHex(stepwise.root)]).toEqual([toHex(once), toHex(once)]);
      }),
      { seed: 0x57a7e, numRuns: 50 },
    );
  });

  test("a missing node or code is an error, never absence", () => {
    const stores = new Stores();
    stores.apply(plain(1, 5n), plain(2, 5n));
    const empty = new ByteMap<Uint8Array>();
    const blind = stateReader(empty, empty, stores.root);
    expect(codeOf(() => blind.account(address(1)))).toBe("TRIE_MISSING_NODE");
    expect(codeOf(() => blind.storage(address(1), slot(1)))).toBe("TRIE_MISSING_NODE");
    expect(codeOf(() => stores.reader().code(address(1), keccak256(address(1))))).toBe("STATE_MISSING_CODE");
    expect(codeOf(() => applyDiff(empty, stores.root, { accounts: [plain(1, 1n)] }))).toBe(
      "TRIE_MISSING_NODE",
    );
  });
});

test("proofs verify, for what is there and for what is not", () => {
  const stores = new Stores();
  stores.apply(...Array.from({ length: 50 }, (_, i) => plain(i + 1, BigInt(i))), {
    ...plain(99, 0n),
    storage: [
      [slot(1), Uint8Array.of(1)],
      [slot(2), Uint8Array.of(2)],
    ],
  });
  const verify = (root: Uint8Array, key: Uint8Array, nodes: readonly Uint8Array[]) =>
    verifyProof(root, secureKey(key), nodes, { exact: true });
  const leaf = verify(stores.root, address(99), proveAccount(stores.nodes, stores.root, address(99)));
  if (leaf === undefined) throw new Error("not proven");
  const { storageRoot } = decodeAccount(leaf);
  expect(
    verify(stores.root, address(200), proveAccount(stores.nodes, stores.root, address(200))),
  ).toBeUndefined();
  const held = verify(storageRoot, slot(2), proveStorage(stores.nodes, storageRoot, slot(2)));
  expect(decodeSlot(held ?? new Uint8Array(0))).toEqual(Uint8Array.of(2));
  expect(verify(storageRoot, slot(3), proveStorage(stores.nodes, storageRoot, slot(3)))).toBeUndefined();
  expect(proveStorage(stores.nodes, emptyTxRoot, slot(1))).toEqual([]);
});

describe("TR-07 accounts and slots that no client writes", () => {
  const good = [0n, 1n, emptyTxRoot, emptyCodeHash] as const;
  test("the good one", () => {
    const account = { nonce: 0n, balance: 1n, storageRoot: emptyTxRoot, codeHash: emptyCodeHash };
    expect(decodeAccount(encode(good))).toEqual(account);
    expect(encodeAccount(account)).toEqual(encode(good));
  });
  test.each([
    ["3 fields", good.slice(0, 3), "RLP_FIELDS"],
    ["5 fields", [...good, 0n], "RLP_FIELDS"],
    ["nonce 2^64", [1n << 64n, 1n, emptyTxRoot, emptyCodeHash], "RLP_INTEGER"],
    ["balance 2^256", [0n, 1n << 256n, emptyTxRoot, emptyCodeHash], "RLP_INTEGER"],
    ["balance with a leading zero", [0n, Uint8Array.of(0, 1), emptyTxRoot, emptyCodeHash], "RLP_INTEGER"],
    ["code hash of 31 bytes", [0n, 1n, emptyTxRoot, emptyCodeHash.subarray(1)], "RLP_LENGTH"],
    [
      "storage root of 33 bytes",
      [0n, 1n, concatBytes(emptyTxRoot, Uint8Array.of(0)), emptyCodeHash],
      "RLP_LENGTH",
    ],
  ])("account: %s", (_, fields, code) => {
    expect(codeOf(() => decodeAccount(encode(fields)))).toBe(code);
  });
  test.each([
    ["zero", new Uint8Array(0), "STATE_BAD_SLOT"],
    ["a leading zero", Uint8Array.of(0, 1), "STATE_BAD_SLOT"],
    ["one zero byte", Uint8Array.of(0), "STATE_BAD_SLOT"],
    ["33 bytes", new Uint8Array(33).fill(1), "STATE_BAD_SLOT"],
    ["32 bytes", new Uint8Array(32).fill(1), "none"],
  ])("slot: %s", (_, value, code) => {
    expect(codeOf(() => decodeSlot(encode(value)))).toBe(code);
  });
  test("a slot that is a list, or has bytes after it", () => {
    expect(codeOf(() => decodeSlot(encode([])))).toBe("RLP_EXPECTED_BYTES");
    expect(codeOf(() => decodeSlot(concatBytes(encode(Uint8Array.of(1)), Uint8Array.of(1))))).toBe(
      "RLP_TRAILING",
    );
  });
});

describe("genesis", () => {
  test("devGenesis has one hash for all", () => {
    const make = () => genesisBlock(devGenesis({ "0x71562b71999873db5b286df957af199ec94617f7": 10n ** 24n }));
    expect(toHex(make().header.hash)).toBe(toHex(make().header.hash));
    expect(make().header).toMatchObject({ number: 0, baseFee: 1_000_000_000n, difficulty: 1n, time: 0 });
  });

  test("sepolia's hash, from geth's own allocation", () => {
    const alloc = decode(
      fromHex(readFileSync("test/vectors/genesis/sepolia-alloc.hex", "latin1").replaceAll("\n", "")),
    ) as [Uint8Array, Uint8Array][];
    const genesis = {
      ...devGenesis({}),
      config: sepoliaConfig,
      timestamp: 1_633_267_481,
      extraData: utf8Encode("Sepolia, Athens, Attica, Greece!"),
      gasLimit: 30_000_000n,
      difficulty: 131_072n,
      alloc: alloc.map(([at, balance]) => ({
        address: concatBytes(new Uint8Array(20 - at.length), at),
        balance: bytesToBigint(balance),
        nonce: 0n,
        code: new Uint8Array(0),
        storage: [],
      })),
    };
    expect(toHex(genesisBlock(genesis).header.hash)).toBe(toHex(sepoliaGenesisHash));
  });

  test("forks at genesis bring their header fields", () => {
    const forks = {
      ...devGenesis({}).config,
      terminalTotalDifficulty: 0n,
      shanghaiTime: 0,
      cancunTime: 0,
      pragueTime: 0,
      clique: undefined,
    };
    const { header } = genesisBlock(devGenesis({}, { forks }));
    expect(toHex(header.withdrawalsRoot ?? new Uint8Array(0))).toBe(toHex(emptyTxRoot));
    expect([header.blobGasUsed, header.excessBlobGas]).toEqual([0n, 0n]);
    expect(header.requestsHash).toHaveLength(32);
    expect(toHex(genesisState({ alloc: [] }).root)).toBe(toHex(emptyTxRoot));
  });
});
