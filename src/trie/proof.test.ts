import { createMerkleProof, createMPT, verifyMerkleProof } from "@ethereumjs/mpt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { keccak256 } from "#crypto";
import { encode, type RlpItem } from "#rlp";
import { ByteMap, concatBytes, GlimError, toHex, utf8Encode } from "#util";
import { storeWith } from "../../test/kit/trie-store.ts";
import {
  emptyRoot,
  ProofBuilder,
  ProofSet,
  proveKey,
  secureKey,
  verifyProof,
  verifyProofs,
} from "./index.ts";
import { encodePath } from "./nibbles.ts";

const SEED = 0x5eed;
const b = (...numbers: number[]): Uint8Array => Uint8Array.from(numbers);
const EMPTY = new Uint8Array(0);

/** The value as hex, "absent", or the code of the error. */
function outcome(run: () => Uint8Array | undefined): string {
  try {
    const value = run();
    return value === undefined ? "absent" : toHex(value);
  } catch (error) {
    if (error instanceof GlimError) return error.code;
    throw error;
  }
}
const exactly = (root: Uint8Array, key: Uint8Array, nodes: readonly Uint8Array[]): string =>
  outcome(() => verifyProof(root, key, nodes, { exact: true }));
const loosely = (root: Uint8Array, key: Uint8Array, nodes: readonly Uint8Array[]): string =>
  outcome(() => verifyProof(root, key, nodes));
const asSet = (root: Uint8Array, key: Uint8Array, nodes: readonly Uint8Array[]): string =>
  outcome(() => verifyProofs(root, [key], nodes, { exact: true })[0]);

const keys = Array.from({ length: 400 }, (_, i) => secureKey(b(i & 255, i >> 8)));
const built = storeWith(keys.map((key, i) => [key, utf8Encode(`value ${i}`)]));
const [key] = keys as [Uint8Array];
const truth = toHex(utf8Encode("value 0"));
const absent = secureKey(utf8Encode("nobody"));

describe("proofs of a trie of 400", () => {
  test("every entry, and keys that are not there", () => {
    for (const [i, one] of keys.entries()) {
      const proof = proveKey(built.store, built.root, one);
      for (const verify of [exactly, loosely, asSet])
        expect(verify(built.root, one, proof)).toBe(toHex(utf8Encode(`value ${i}`)));
    }
    for (let i = 0; i < 200; i++) {
      const other = secureKey(b(1, 2, 3, i));
      const proof = proveKey(built.store, built.root, other);
      for (const verify of [exactly, loosely, asSet]) expect(verify(built.root, other, proof)).toBe("absent");
    }
  });
  test("the empty trie needs no nodes and has no keys", () => {
    expect(proveKey(new ByteMap<Uint8Array>(), emptyRoot, key)).toEqual([]);
    expect(exactly(emptyRoot, key, [])).toBe("absent");
    expect(exactly(emptyRoot, key, [b(0x80)])).toBe("TRIE_PROOF_UNUSED_NODE");
    expect(loosely(emptyRoot, key, [b(0x80)])).toBe("absent");
  });
  test("nodes and values are the caller's own", () => {
    const proof = proveKey(built.store, built.root, key);
    const value = verifyProof(built.root, key, proof) as Uint8Array;
    expect(proof.some((node) => node.buffer === value.buffer)).toBe(false);
  });
});

describe("TR-01 a proof is exactly its nodes", () => {
  for (const [name, wanted, expected] of [
    ["presence", key, truth],
    ["absence", absent, "absent"],
  ] as const) {
    const proof = proveKey(built.store, built.root, wanted);
    test(`${name}: any node missing is an error, never absence`, () => {
      expect(exactly(built.root, wanted, proof)).toBe(expected);
      for (let i = 0; i < proof.length; i++) {
        const holed = proof.filter((_, at) => at !== i);
        for (const verify of [exactly, loosely, asSet])
          expect(verify(built.root, wanted, holed)).toBe("TRIE_PROOF_MISSING_NODE");
      }
    });
    test(`${name}: extra, doubled and reordered nodes`, () => {
      const extra = built.store.get(built.root) as Uint8Array;
      for (const nodes of [
        [...proof, extra],
        [...proof, ...proof],
        [...proof, b(1, 2, 3)],
      ]) {
        expect(exactly(built.root, wanted, nodes)).toBe("TRIE_PROOF_UNUSED_NODE");
        expect(asSet(built.root, wanted, nodes)).toBe("TRIE_PROOF_UNUSED_NODE");
        expect(loosely(built.root, wanted, nodes)).toBe(expected);
      }
      const reordered = [...proof].reverse();
      expect(exactly(built.root, wanted, reordered)).toBe("TRIE_PROOF_MISSING_NODE");
      expect(asSet(built.root, wanted, reordered)).toBe(expected); // a set has no order
    });
    test(`${name}: wrong root, no nodes`, () => {
      for (const verify of [exactly, loosely, asSet]) {
        expect(verify(keccak256(b(1)), wanted, proof)).toBe("TRIE_PROOF_MISSING_NODE");
        expect(verify(new Uint8Array(32), wanted, proof)).toBe("TRIE_PROOF_MISSING_NODE");
        expect(verify(built.root, wanted, [])).toBe("TRIE_PROOF_MISSING_NODE");
      }
      expect(exactly(emptyRoot, wanted, proof)).toBe("TRIE_PROOF_UNUSED_NODE");
    });
    test(`${name}: the error says what is missing, and blames the peer`, () => {
      try {
        verifyProof(built.root, wanted, proof.slice(0, 1));
        expect.unreachable();
      } catch (error) {
        expect(error).toMatchObject({
          blame: "peer",
          data: { hash: toHex(keccak256(proof[1] as Uint8Array)), path: toHex(wanted).slice(2, 3) },
        });
      }
    });
  }
  test("a proof of one key does not speak for another", () => {
    const proof = proveKey(built.store, built.root, key);
    for (const other of keys.slice(1, 50))
      expect(["TRIE_PROOF_MISSING_NODE", "TRIE_PROOF_UNUSED_NODE"]).toContain(
        exactly(built.root, other, proof),
      );
  });
  test("changed nodes: the truth or an error, never another answer", () => {
    const proof = proveKey(built.store, built.root, key);
    fc.assert(
      fc.property(fc.nat(proof.length - 1), fc.nat(10_000), fc.nat(7), (at, byte, bit) => {
        const changed = proof.map((node) => node.slice());
        const node = changed[at] as Uint8Array;
        const place = byte % node.length;
        node[place] = (node[place] ?? 0) ^ (1 << bit);
        for (const verify of [exactly, loosely, asSet])
          expect(verify(built.root, key, changed)).toBe("TRIE_PROOF_MISSING_NODE");
      }),
      { seed: SEED, numRuns: 200 },
    );
  });
});

/** A trie of one hand-made root node. */
const rootOf = (node: RlpItem): { root: Uint8Array; nodes: Uint8Array[] } => {
  const bytes = encode(node);
  return { root: keccak256(bytes), nodes: [bytes] };
};
const branchWith = (slots: Readonly<Record<number, RlpItem>>, value: RlpItem = EMPTY): RlpItem[] => [
  ...Array.from({ length: 16 }, (_, i) => slots[i] ?? EMPTY),
  value,
];
/** Keys start with nibble 0 here, so that slot 0 is on the path. */
const path = b(0x01, 0x23);
const hashRef = new Uint8Array(32).fill(0xab);

describe("TR-02 references", () => {
  const leafOf = (valueLength: number): RlpItem[] => [
    encodePath(b(1, 2, 3), true),
    new Uint8Array(valueLength).fill(7),
  ];
  test("an embedded node of 31 bytes is read; of 32 and 33 refused", () => {
    const sizes = [26, 27, 28].map((length) => encode(leafOf(length)).length);
    expect(sizes).toEqual([31, 32, 33]);
    const of = (length: number): string => {
      const { root, nodes } = rootOf(branchWith({ 0: leafOf(length), 5: hashRef }));
      return exactly(root, path, nodes);
    };
    expect(of(26)).toBe(toHex(new Uint8Array(26).fill(7)));
    expect(of(27)).toBe("TRIE_BAD_NODE");
    expect(of(28)).toBe("TRIE_BAD_NODE");
  });
  test("32 bytes in a slot are a hash, even if they are a node's bytes", () => {
    const bytes = encode(leafOf(27)); // 32 bytes: also a fine leaf
    const { root, nodes } = rootOf(branchWith({ 0: bytes, 5: hashRef }));
    expect(exactly(root, path, nodes)).toBe("TRIE_PROOF_MISSING_NODE");
    expect(exactly(root, path, [...nodes, bytes])).toBe("TRIE_PROOF_MISSING_NODE");
  });
  test("a node under 32 bytes must not be referred to by hash", () => {
    const small = encode(leafOf(3));
    const { root, nodes } = rootOf(branchWith({ 0: keccak256(small), 5: hashRef }));
    expect(exactly(root, path, [...nodes, small])).toBe("TRIE_BAD_NODE");
    expect(exactly(keccak256(small), b(0x12, 0x34), [small])).toBe("absent"); // the root may be small
  });
  test.each([1, 31, 33, 64])("a reference of %i bytes", (length) => {
    const { root, nodes } = rootOf(branchWith({ 0: new Uint8Array(length).fill(0x99), 5: hashRef }));
    expect(exactly(root, path, nodes)).toBe("TRIE_BAD_NODE");
    // off the path as well: the whole node is looked at
    expect(exactly(root, b(0x51), nodes)).toBe("TRIE_BAD_NODE");
  });
});

describe("TR-03 absence is bound to the path asked for", () => {
  const pad = "x".repeat(40);
  const { store, root } = storeWith(
    [b(0x12, 0x34), b(0x12, 0x35), b(0x12), b(0x77, 0x77, 0x77)].map((k, i) => [
      k,
      utf8Encode(pad + String(i)),
    ]),
  );
  const proven = (k: Uint8Array): string => {
    const proof = proveKey(store, root, k);
    const results = new Set([exactly, loosely, asSet].map((verify) => verify(root, k, proof)));
    expect(results.size).toBe(1);
    return [...results][0] ?? "";
  };
  test.each<[string, Uint8Array]>([
    ["an empty slot of a branch", b(0x99)],
    ["a leaf whose path differs", b(0x77, 0x77, 0x78)],
    ["a leaf whose path is a prefix of the key", b(0x77, 0x77, 0x77, 0x77)],
    ["a leaf whose path goes on after the key", b(0x77, 0x77)],
    ["an extension whose path differs", b(0x12, 0x44)],
    ["a key that ends within an extension's branch without value", b(0x12, 0x34, 0x00)],
    ["the empty key", EMPTY],
  ])("%s", (_, k) => {
    expect(proven(k)).toBe("absent");
  });
  test("the value slot of a branch belongs to the key that ends there", () => {
    expect(proven(b(0x12))).toBe(toHex(utf8Encode(`${pad}2`)));
    expect(proven(b(0x12, 0x34))).toBe(toHex(utf8Encode(`${pad}0`)));
  });
  test("a branch without value at the key's end", () => {
    const two = storeWith([
      [b(0x12, 0x34), utf8Encode(pad)],
      [b(0x12, 0x54), utf8Encode(pad)],
    ]);
    const proof = proveKey(two.store, two.root, b(0x12));
    expect(exactly(two.root, b(0x12), proof)).toBe("absent");
  });
});

describe("TR-04 deep tries", () => {
  test("64 levels of hashed keys, and keys of 300 bytes: no cap is taken for absence", () => {
    for (const length of [32, 300]) {
      const base = new Uint8Array(length);
      // one entry leaves the path at each nibble
      const deep = Array.from({ length: length * 2 }, (_, i) => {
        const k = base.slice();
        k[i >> 1] = (i & 1) === 0 ? 0x10 : 0x01;
        return k;
      });
      const all = [base, ...deep];
      const { store, root } = storeWith(all.map((k) => [k, utf8Encode("v".repeat(33))]));
      const proof = proveKey(store, root, base);
      expect(proof.length).toBeGreaterThanOrEqual(length * 2);
      expect(exactly(root, base, proof)).toBe(toHex(utf8Encode("v".repeat(33))));
      for (let i = 0; i < proof.length; i += 7)
        expect(exactly(root, base, proof.slice(0, i))).toBe("TRIE_PROOF_MISSING_NODE");
    }
  });
  test("a node that refers to itself cannot be made, and a chain of extensions is refused", () => {
    const inner: RlpItem[] = [encodePath(b(1), false), branchWith({ 1: hashRef, 2: b(1) })];
    const bytes = encode([encodePath(b(0), false), keccak256(encode(inner))]);
    expect(exactly(keccak256(bytes), path, [bytes, encode(inner)])).toBe("TRIE_BAD_NODE");
  });
});

describe("TR-05 nodes in their one form", () => {
  const value = utf8Encode("some value that is long enough to be hashed");
  const leafBody = (prefix: Uint8Array, body: RlpItem = value): RlpItem[] => [prefix, body];
  test.each<[string, RlpItem]>([
    ["unknown flag 4", leafBody(b(0x40, 0x01, 0x23))],
    ["unknown flag 15", leafBody(b(0xf0, 0x01, 0x23))],
    ["even path with padding", leafBody(b(0x21, 0x01, 0x23))],
    ["no path bytes", leafBody(EMPTY)],
    ["path is a list", [[b(1)], value]],
    ["leaf without value", leafBody(b(0x20, 0x01, 0x23), EMPTY)],
    ["leaf whose value is a list", leafBody(b(0x20, 0x01, 0x23), [b(1)])],
    ["empty extension", [b(0x00), hashRef]],
    ["extension to nothing", [b(0x00, 0x01), EMPTY]],
    ["extension to a leaf", [b(0x10), [encodePath(b(1, 2, 3), true), b(9)]]],
    ["extension to an extension", [b(0x10), [encodePath(b(1), false), [encodePath(b(2, 3), true), b(9)]]]],
    ["branch of 16", branchWith({ 0: hashRef, 1: hashRef }).slice(0, 16)],
    ["branch of 18", [...branchWith({ 0: hashRef, 1: hashRef }), EMPTY]],
    ["branch with one child", branchWith({ 0: hashRef })],
    ["branch with nothing", branchWith({})],
    ["branch whose value is a list", branchWith({ 0: hashRef, 1: hashRef }, [b(1)])],
    ["three items", [b(0x20), b(1), b(2)]],
    ["one item", [b(0x20)]],
    ["no items", []],
    ["bytes", b(0x20)],
  ])("%s", (_, node) => {
    const { root, nodes } = rootOf(node);
    for (const verify of [exactly, loosely, asSet]) expect(verify(root, path, nodes)).toBe("TRIE_BAD_NODE");
  });
  test("non-canonical RLP and trailing bytes", () => {
    for (const bytes of [
      b(0xc3, 0x81, 0x20, 0x05),
      b(0xc2, 0x20, 0x05, 0x00),
      b(0xf8, 0x02, 0x20, 0x05),
      EMPTY,
    ])
      expect(exactly(keccak256(bytes), path, [bytes])).toBe("TRIE_BAD_NODE");
  });
  test("hex-prefix of both parities", () => {
    expect(toHex(encodePath(b(1, 2, 3), false))).toBe("0x1123");
    expect(toHex(encodePath(b(1, 2), false))).toBe("0x0012");
    expect(toHex(encodePath(b(1, 2, 3), true))).toBe("0x3123");
    expect(toHex(encodePath(b(1, 2), true))).toBe("0x2012");
    expect(toHex(encodePath(EMPTY, true))).toBe("0x20");
  });
  test("random nodes never throw anything but our errors", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 90 }), fc.boolean(), (bytes, isWrapped) => {
        const node = isWrapped ? encode([bytes.subarray(0, 3), bytes]) : bytes;
        outcome(() => verifyProof(keccak256(node), path, [node]));
      }),
      { seed: SEED, numRuns: 3000 },
    );
  });
});

describe("many keys over one set", () => {
  const wanted = [...keys.slice(0, 20), absent];
  const builder = new ProofBuilder(built.store);
  for (const one of wanted) builder.add(built.root, one);
  const { nodes } = builder;

  test("each node once, any order, all values", () => {
    expect(new Set(nodes.map(toHex)).size).toBe(nodes.length);
    expect(builder.sizeBytes).toBe(nodes.reduce((sum, node) => sum + node.length, 0));
    const values = verifyProofs(built.root, wanted, [...nodes].reverse(), { exact: true });
    expect(values.map((value) => value && new TextDecoder().decode(value))).toEqual([
      ...Array.from({ length: 20 }, (_, i) => `value ${i}`),
      undefined,
    ]);
  });
  test("TR-01 every single node is needed", () => {
    for (let i = 0; i < nodes.length; i++)
      expect(() =>
        verifyProofs(
          built.root,
          wanted,
          nodes.filter((_, at) => at !== i),
        ),
      ).toThrow(expect.objectContaining({ code: "TRIE_PROOF_MISSING_NODE" }));
  });
  test("TR-01 keys left out leave nodes unused", () => {
    expect(() => verifyProofs(built.root, wanted.slice(1), nodes, { exact: true })).toThrow(
      expect.objectContaining({ code: "TRIE_PROOF_UNUSED_NODE" }),
    );
    expect(verifyProofs(built.root, wanted.slice(1), nodes)).toHaveLength(20);
  });
  test("tells the nodes it passes, from the root down, those of the base too", () => {
    const proof = proveKey(built.store, built.root, key);
    const rest = new ProofSet(proof.slice(1), { base: built.store });
    const seen: string[] = [];
    rest.read(built.root, key, (hash, bytes) => {
      expect(toHex(keccak256(bytes))).toBe(toHex(hash));
      seen.push(toHex(bytes));
    });
    expect(seen).toEqual(proof.map(toHex));
  });
  test("several tries, and nodes the prover was told to leave out", () => {
    const other = storeWith(keys.slice(0, 50).map((k) => [k, utf8Encode("other")]));
    const both = new ByteMap<Uint8Array>();
    for (const source of [built.store, other.store]) for (const [hash, node] of source) both.set(hash, node);
    const maker = new ProofBuilder(both);
    maker.add(built.root, key);
    maker.add(other.root, key, { fromLevel: 1 });
    const set = new ProofSet(maker.nodes, {
      base: { get: (hash) => (toHex(hash) === toHex(other.root) ? other.store.get(hash) : undefined) },
    });
    expect(set.read(built.root, key)).toEqual(utf8Encode("value 0"));
    expect(() => set.finish()).toThrow(expect.objectContaining({ code: "TRIE_PROOF_UNUSED_NODE" }));
    expect(set.read(other.root, key)).toEqual(utf8Encode("other"));
    set.finish();
    expect(outcome(() => new ProofSet(maker.nodes).read(other.root, key))).toBe("TRIE_PROOF_MISSING_NODE");
  });
});

describe("against @ethereumjs/mpt", () => {
  const shortKey = fc
    .array(fc.constantFrom(0x00, 0x01, 0x10, 0x11), { minLength: 1, maxLength: 3 })
    .map((n) => Uint8Array.from(n));
  const value = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 4 }),
    fc.uint8Array({ minLength: 30, maxLength: 40 }),
  );
  test("the same proofs, each verified by both", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(shortKey, value), { minLength: 1, maxLength: 25 }),
        shortKey,
        async (entries, wanted) => {
          const { store, root, trie } = storeWith(entries);
          const oracle = await createMPT();
          for (const [k, v] of entries) await oracle.put(k, v);
          expect(toHex(root)).toBe(toHex(oracle.root()));
          const ours = proveKey(store, root, wanted);
          const theirs = await createMerkleProof(oracle, wanted);
          // it lists embedded nodes too, which stand in their parents already; geth does not (trie/proof.go:35@v1.9.25)
          expect(ours.map(toHex)).toEqual(
            theirs.filter((node, i) => i === 0 || node.length >= 32).map(toHex),
          );
          const truthful = trie.get(wanted);
          expect(exactly(root, wanted, ours)).toBe(truthful === undefined ? "absent" : toHex(truthful));
          // the oracle answers null for absence
          const verified = await verifyMerkleProof(wanted, theirs);
          expect(verified === null ? "absent" : toHex(verified)).toBe(exactly(root, wanted, ours));
        },
      ),
      { seed: SEED, numRuns: 150 },
    );
  });
  test("concatenated nodes are no proof", () => {
    expect(exactly(built.root, key, [concatBytes(...proveKey(built.store, built.root, key))])).toBe(
      "TRIE_PROOF_MISSING_NODE",
    );
  });
});
