import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ByteMap, compareBytes, fromHex, toHex, utf8Encode } from "#util";
import { secureKey, sortedRoot, Trie } from "./index.ts";

type Pairs = readonly (readonly [string, string | null])[];
interface Vector {
  readonly in: Pairs | Readonly<Record<string, string | null>>;
  readonly root: string;
}
const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../test/vectors/trie/${name}.json`, import.meta.url), "utf8"));
const bytesOf = (text: string): Uint8Array => (text.startsWith("0x") ? fromHex(text) : utf8Encode(text));

const sets = [
  ["trietest", false],
  ["trietest_secureTrie", true],
  ["trieanyorder", false],
  ["trieanyorder_secureTrie", true],
  ["hex_encoded_securetrie_test", true],
] as const;

describe.each(sets)("ethereum/tests %s", (name, isSecure) => {
  const keyOf = (text: string): Uint8Array => (isSecure ? secureKey(bytesOf(text)) : bytesOf(text));
  test.each(Object.entries(read(name) as Record<string, Vector>))("%s", (_, vector) => {
    const isOrdered = Array.isArray(vector.in);
    const pairs = isOrdered ? (vector.in as Pairs) : Object.entries(vector.in);
    for (const order of isOrdered ? [pairs] : [pairs, [...pairs].reverse()]) {
      const trie = new Trie(new ByteMap<Uint8Array>());
      for (const [key, value] of order)
        trie.put(keyOf(key), value === null ? new Uint8Array(0) : bytesOf(value));
      expect(toHex(trie.root())).toBe(vector.root);
    }
    const content = new ByteMap<Uint8Array>();
    for (const [key, value] of pairs)
      if (value === null) content.delete(keyOf(key));
      else content.set(keyOf(key), bytesOf(value));
    const sorted = [...content].sort(([a], [b]) => compareBytes(a, b));
    expect(
      toHex(
        sortedRoot(
          sorted.map(([key]) => key),
          sorted.map(([, value]) => value),
        ),
      ),
    ).toBe(vector.root);
  });
});

describe("ethereum/tests trietestnextprev", () => {
  const { basic } = read("trietestnextprev") as {
    basic: { in: string[]; tests: [string, string, string][] };
  };
  const trie = new Trie(new ByteMap<Uint8Array>());
  for (const key of basic.in) trie.put(utf8Encode(key), utf8Encode(key));
  test.each(basic.tests)("after %j", (key, _, next) => {
    // the set asks for the first key *after* the given one
    const found = [...trie.leaves(utf8Encode(key))].find(
      (leaf) => toHex(leaf.key) !== toHex(utf8Encode(key)),
    );
    expect(found === undefined ? "" : new TextDecoder().decode(found.key)).toBe(next);
  });
});
