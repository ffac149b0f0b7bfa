import { createMPT } from "@ethereumjs/mpt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteMap, compareBytes, GlimError, toHex, utf8Encode } from "#util";
import { storeWith } from "../../test/kit/trie-store.ts";
import { type Commit, emptyRoot, orderedRoot, readPath, secureKey, sortedRoot, Trie } from "./index.ts";

const SEED = 0x5eed;
const hexOf = (bytes: Uint8Array | null | undefined): string | undefined =>
  bytes == null ? undefined : toHex(bytes);

function errorOf(run: () => unknown): GlimError {
  try {
    run();
  } catch (error) {
    if (error instanceof GlimError) return error;
    throw error;
  }
  throw new Error("nothing thrown");
}

/** Short keys over few bytes, so that prefixes, splits and merges are common. */
const shortKey = fc
  .array(fc.constantFrom(0x00, 0x01, 0x10, 0x11, 0xff), { maxLength: 4 })
  .map((n) => Uint8Array.from(n));
const longKey = fc.nat(60).map((n) => secureKey(Uint8Array.of(n)));
const value = fc.oneof(
  fc.uint8Array({ minLength: 0, maxLength: 3 }),
  fc.uint8Array({ minLength: 25, maxLength: 40 }),
  fc.uint8Array({ minLength: 56, maxLength: 70 }),
);
const steps = (key: fc.Arbitrary<Uint8Array>): fc.Arbitrary<[Uint8Array, Uint8Array][]> =>
  fc.array(fc.tuple(key, value), { minLength: 1, maxLength: 60 });

describe("against @ethereumjs/mpt", () => {
  test.each([
    ["short keys, prefixes of each other", shortKey.filter((key) => key.length > 0)],
    ["hashed keys", longKey],
  ])("%s: root, reads, leaves, sorted root, after every change and from the store", async (_, key) => {
    await fc.assert(
      fc.asyncProperty(steps(key), async (all) => {
        const store = new ByteMap<Uint8Array>();
        let trie = new Trie(store);
        const oracle = await createMPT();
        const content = new ByteMap<Uint8Array>();
        for (const [i, [k, v]] of all.entries()) {
          trie.put(k, v);
          if (v.length === 0) {
            await oracle.del(k);
            content.delete(k);
          } else {
            await oracle.put(k, v);
            content.set(k, v);
          }
          expect(toHex(trie.root())).toBe(toHex(oracle.root()));
          expect(hexOf(trie.get(k))).toBe(hexOf(await oracle.get(k)));
          if (i % 5 === 4) {
            const { root, nodes } = trie.commit();
            for (const node of nodes) store.set(node.hash, node.encoding);
            trie = new Trie(store, root); // all over from the store
          }
        }
        const sorted = [...content].sort(([a], [b]) => compareBytes(a, b));
        const found = [...trie.leaves()].map((leaf) => [toHex(leaf.key), toHex(leaf.value)]);
        expect(found).toEqual(sorted.map(([k, v]) => [toHex(k), toHex(v)]));
        expect(
          toHex(
            sortedRoot(
              sorted.map(([k]) => k),
              sorted.map(([, v]) => v),
            ),
          ),
        ).toBe(toHex(oracle.root()));
      }),
      { seed: SEED, numRuns: 60 },
    );
  });

  test("orderedRoot is the trie of rlp(index), at every size class", async () => {
    const { RLP } = await import("@ethereumjs/rlp");
    for (const size of [0, 1, 2, 16, 17, 127, 128, 129, 130, 255, 256, 257, 300]) {
      const items = Array.from({ length: size }, (_, i) => utf8Encode(`item ${i} `.repeat(1 + (i % 7))));
      const oracle = await createMPT();
      for (const [i, item] of items.entries()) await oracle.put(RLP.encode(i), item);
      expect(toHex(orderedRoot(items))).toBe(toHex(oracle.root()));
    }
  });
});

describe("sortedRoot", () => {
  test("gives every hashed node to the sink: the trie can be read from them", () => {
    const keys = Array.from({ length: 200 }, (_, i) => secureKey(Uint8Array.of(i))).sort(compareBytes);
    const store = new ByteMap<Uint8Array>();
    const root = sortedRoot(keys, keys, (hash, encoding) => store.set(hash, encoding));
    for (const key of keys) expect(readPath(store, root, key)).toEqual(key);
    expect([...new Trie(store, root).leaves()]).toHaveLength(200);
  });
  test("a small root node is given too", () => {
    const store = new ByteMap<Uint8Array>();
    const root = sortedRoot([Uint8Array.of(1)], [Uint8Array.of(2)], (hash, encoding) =>
      store.set(hash, encoding),
    );
    expect(readPath(store, root, Uint8Array.of(1))).toEqual(Uint8Array.of(2));
  });
  test.each<[string, Uint8Array[], Uint8Array[]]>([
    ["descending", [Uint8Array.of(2), Uint8Array.of(1)], [Uint8Array.of(1), Uint8Array.of(1)]],
    ["doubled", [Uint8Array.of(1), Uint8Array.of(1)], [Uint8Array.of(1), Uint8Array.of(1)]],
    ["empty value", [Uint8Array.of(1)], [new Uint8Array(0)]],
    ["uneven", [Uint8Array.of(1)], []],
  ])("refuses %s", (_, keys, values) => {
    expect(errorOf(() => sortedRoot(keys, values)).code).toBe("TRIE_KEY");
  });
});

describe("commit", () => {
  const filled = (): { trie: Trie; store: ByteMap<Uint8Array>; first: Commit } => {
    const store = new ByteMap<Uint8Array>();
    const trie = new Trie(store);
    for (let i = 0; i < 100; i++) trie.put(secureKey(Uint8Array.of(i)), utf8Encode(`value ${i}`));
    const first = trie.commit();
    for (const node of first.nodes) store.set(node.hash, node.encoding);
    return { trie, store, first };
  };
  test("gives new nodes only", () => {
    const { trie, first } = filled();
    expect(trie.commit()).toEqual({ root: first.root, nodes: [] });
    trie.put(secureKey(Uint8Array.of(3)), utf8Encode("other"));
    const second = trie.commit();
    expect(second.nodes.length).toBeGreaterThan(0);
    expect(second.nodes.length).toBeLessThan(5);
  });
  test("asking for the root before changes nothing about it", () => {
    const { store, first } = filled();
    const trie = new Trie(new ByteMap<Uint8Array>());
    for (let i = 0; i < 100; i++) {
      trie.put(secureKey(Uint8Array.of(i)), utf8Encode(`value ${i}`));
      trie.root();
    }
    const again = trie.commit();
    expect(toHex(again.root)).toBe(toHex(first.root));
    expect(again.nodes).toHaveLength(store.size);
  });
  test("of a trie with one small entry, and of an empty one", () => {
    const store = new ByteMap<Uint8Array>();
    const trie = new Trie(store);
    expect(trie.commit()).toEqual({ root: emptyRoot, nodes: [] });
    trie.put(Uint8Array.of(1), Uint8Array.of(2));
    const { root, nodes } = trie.commit();
    for (const node of nodes) store.set(node.hash, node.encoding);
    expect(new Trie(store, root).get(Uint8Array.of(1))).toEqual(Uint8Array.of(2));
    trie.delete(Uint8Array.of(1));
    expect(toHex(trie.root())).toBe(toHex(emptyRoot));
    expect(toHex(emptyRoot)).toBe("0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
  });
  test("copies change by themselves", () => {
    const { trie, first } = filled();
    const copy = trie.copy();
    copy.put(Uint8Array.of(1), Uint8Array.of(1));
    expect(toHex(trie.root())).toBe(toHex(first.root));
    expect(toHex(copy.root())).not.toBe(toHex(first.root));
  });
  test("values given are copied: the caller may use its buffer again", () => {
    const { trie } = filled();
    const mine = Uint8Array.of(1, 2, 3);
    trie.put(Uint8Array.of(9), mine);
    mine[0] = 77;
    expect(trie.get(Uint8Array.of(9))).toEqual(Uint8Array.of(1, 2, 3));
  });
});

describe("missing and damaged nodes", () => {
  const keys = Array.from({ length: 50 }, (_, i) => secureKey(Uint8Array.of(i)));
  const built = storeWith(keys.map((key) => [key, utf8Encode("some value")]));

  test("TRIE_MISSING_NODE names hash and path, and the trie is unchanged", () => {
    const [key] = keys as [Uint8Array];
    const path: Uint8Array[] = [];
    readPath(built.store, built.root, key, (hash) => path.push(hash.slice()));
    const last = path.at(-1) as Uint8Array;
    const holed = new ByteMap<Uint8Array>();
    for (const [hash, node] of built.store) if (toHex(hash) !== toHex(last)) holed.set(hash, node);
    const trie = new Trie(holed, built.root);
    const wanted = { hash: toHex(last), path: toHex(key).slice(2, 2 + path.length - 1) };
    for (const run of [
      () => trie.get(key),
      () => trie.put(key, Uint8Array.of(1)),
      () => trie.delete(key),
      () => readPath(holed, built.root, key),
      () => [...trie.leaves()],
    ]) {
      const error = errorOf(run);
      expect(error.code).toBe("TRIE_MISSING_NODE");
      expect(error.data).toEqual(wanted);
      expect(error.blame).toBe("environment");
      expect(toHex(trie.root())).toBe(toHex(built.root));
    }
  });
  test("TRIE_CORRUPT for bytes that are no node", () => {
    const damaged = {
      get: (hash: Uint8Array) => (toHex(hash) === toHex(built.root) ? Uint8Array.of(0xc1, 1) : undefined),
    };
    for (const run of [
      () => new Trie(damaged, built.root).get(keys[0] as Uint8Array),
      () => readPath(damaged, built.root, keys[0] as Uint8Array),
    ]) {
      const error = errorOf(run);
      expect(error.code).toBe("TRIE_CORRUPT");
      expect(error.blame).toBe("environment");
    }
  });
  test("an unknown root is a missing node, not an empty trie", () => {
    const error = errorOf(() =>
      new Trie(built.store, secureKey(Uint8Array.of(99))).get(keys[0] as Uint8Array),
    );
    expect(error.data).toEqual({ hash: toHex(secureKey(Uint8Array.of(99))), path: "" });
  });
});

describe("leaves", () => {
  test("from any key on, in order, with keys that are prefixes of others", () => {
    fc.assert(
      fc.property(fc.uniqueArray(shortKey, { selector: toHex, maxLength: 30 }), shortKey, (keys, from) => {
        const { trie } = storeWith(keys.map((key) => [key, Uint8Array.of(1)]));
        const wanted = keys.filter((key) => compareBytes(key, from) >= 0).sort(compareBytes);
        expect([...trie.leaves(from)].map((leaf) => toHex(leaf.key))).toEqual(wanted.map(toHex));
      }),
      { seed: SEED, numRuns: 200 },
    );
  });
  test("loads no more than it needs", () => {
    const keys = Array.from({ length: 500 }, (_, i) => secureKey(Uint8Array.of(i & 255, i >> 8)));
    const built = storeWith(keys.map((key) => [key, key]));
    let reads = 0;
    const counting = {
      get(hash: Uint8Array) {
        reads++;
        return built.store.get(hash);
      },
    };
    const [first] = new Trie(counting, built.root).leaves(keys[77]);
    expect(first?.key).toEqual(keys[77]);
    expect(reads).toBeLessThan(8);
  });
});
