import fc from "fast-check";
import { expect, test } from "vitest";
import { keccak256 } from "#crypto";
import { numberToBytes } from "#util";
import { KnownHashes } from "./known.ts";
import { ethLimits as limits } from "./limits.ts";

const hash = (i: number) => keccak256(numberToBytes(i, 8));

test("what was added is known until much more was", () => {
  const known = new KnownHashes(1024);
  for (let i = 0; i < 400; i++) known.add(hash(i));
  for (let i = 300; i < 400; i++) expect(known.has(hash(i))).toBe(true);
  for (let i = 1000; i < 2000; i++) expect(known.has(hash(i))).toBe(false);
  for (let i = 1000; i < 20_000; i++) known.add(hash(i));
  expect(known.has(hash(0))).toBe(false);
  let left = 0;
  for (let i = 0; i < 20_000; i++) if (known.has(hash(i))) left++;
  expect(left).toBeLessThanOrEqual(1024); // the bound
  expect(left).toBeGreaterThan(1000);
});

test("any hash is found right after it was added, zeros too", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 50 }), (hashes) => {
      const known = new KnownHashes(limits.knownTransactions);
      expect(known.has(new Uint8Array(32))).toBe(false);
      for (const each of [...hashes, new Uint8Array(32)]) {
        known.add(each);
        expect(known.has(each)).toBe(true);
      }
    }),
    { seed: 7, numRuns: 50 },
  );
});
