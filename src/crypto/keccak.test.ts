import { keccak_256, keccak_512 } from "@noble/hashes/sha3.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, toHex, utf8Encode } from "#util";
import { Keccak, keccak256, keccak512 } from "./index.ts";

const SEED = 0x5eed;

describe("keccak256", () => {
  test("known answers", () => {
    expect(toHex(keccak256())).toBe("0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    expect(toHex(keccak256(utf8Encode("abc")))).toBe(
      "0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
    );
  });
  test("every length around the block of 136 bytes, and long ones, against noble", () => {
    for (const length of [...Array(300).keys(), 1000, 16384, 16385, 40000]) {
      const bytes = new Uint8Array(length).map((_, i) => (i * 31 + length) & 0xff);
      expect(toHex(keccak256(bytes))).toBe(toHex(keccak_256(bytes)));
    }
  });
  test("the same of 512 bits, around its block of 72 bytes and past the room for input", () => {
    for (const length of [...Array(150).keys(), 58_751, 58_752, 58_753, 200_000]) {
      const bytes = new Uint8Array(length).map((_, i) => (i * 31 + length) & 0xff);
      expect(toHex(keccak512(bytes))).toBe(toHex(keccak_512(bytes)));
      expect(toHex(keccak256(bytes, bytes))).toBe(toHex(keccak_256(concatBytes(bytes, bytes))));
    }
  });
  test("parts are one input", () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 });
    fc.assert(
      fc.property(parts, (all) => {
        expect(toHex(keccak256(...all))).toBe(toHex(keccak_256(concatBytes(...all))));
      }),
      { seed: SEED },
    );
  });
  test("results are not overwritten by later calls", () => {
    const first = keccak256(utf8Encode("abc"));
    const text = toHex(first);
    keccak256(utf8Encode("other"));
    expect(toHex(first)).toBe(text);
  });
});

describe("Keccak", () => {
  test("the digest can be read at any moment without ending it", () => {
    const hash = new Keccak();
    let all = new Uint8Array(0);
    for (let i = 0; i < 50; i++) {
      const part = new Uint8Array(i * 7).fill(i);
      all = Uint8Array.from([...all, ...part]);
      expect(toHex(hash.update(part).digest())).toBe(toHex(keccak_256(all)));
      expect(toHex(hash.digest())).toBe(toHex(keccak_256(all)));
    }
    const long = new Uint8Array(150_000).fill(9);
    expect(toHex(hash.update(long).digest())).toBe(toHex(keccak_256(concatBytes(all, long))));
  });
  test("a hundred at once, more than there are instances, in any order", () => {
    const step = fc.tuple(
      fc.nat(99),
      fc.uint8Array({ maxLength: 150 }),
      fc.constantFrom("update", "digest", "clone"),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const hashes = Array.from({ length: 100 }, () => ({
          ours: new Keccak(),
          oracle: keccak_256.create(),
        }));
        for (const [index, bytes, kind] of steps) {
          const pair = hashes[index];
          if (pair === undefined) continue;
          if (kind === "clone")
            hashes[(index + 1) % 100] = { ours: pair.ours.clone(), oracle: pair.oracle.clone() };
          else if (kind === "update") {
            pair.ours.update(bytes);
            pair.oracle.update(bytes);
          } else expect(toHex(pair.ours.digest())).toBe(toHex(pair.oracle.clone().digest()));
        }
        for (const { ours, oracle } of hashes)
          expect(toHex(ours.digest())).toBe(toHex(oracle.clone().digest()));
      }),
      { seed: SEED, numRuns: 20 },
    );
  });
  test("one-shot hashing between does not disturb", () => {
    const hash = new Keccak().update(utf8Encode("a"));
    keccak256(utf8Encode("noise"));
    expect(toHex(hash.update(utf8Encode("bc")).digest())).toBe(toHex(keccak256(utf8Encode("abc"))));
  });
});
