import { bloomContains, bloomOf } from "#core/types";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BLOOM_BITS, matchSection, rotateBlooms, SECTION_BLOCKS } from "./index.ts";

const value = (n: number) => new Uint8Array(20).fill(n);
const empty = new Uint8Array(256);

test("a section finds exactly the blocks whose blooms contain a value of each clause", () => {
  const logs = fc.array(fc.tuple(fc.nat(SECTION_BLOCKS - 1), fc.nat(40), fc.nat(40)), { maxLength: 200 });
  const clauses = fc.array(fc.array(fc.nat(40), { maxLength: 3 }), { maxLength: 4 });
  fc.assert(
    fc.property(logs, clauses, (rows, wanted) => {
      const blooms: Uint8Array[] = Array.from({ length: SECTION_BLOCKS }, () => empty);
      for (const [block, address, topic] of rows)
        blooms[block] = bloomOf([{ address: value(address), topics: [value(topic)], data: empty }]);
      const vectors = rotateBlooms(blooms);
      expect(vectors).toHaveLength(BLOOM_BITS);
      const sought = wanted.map((values) => values.map(value));
      const found = matchSection(sought, (bit) => {
        const vector = vectors[bit];
        return vector?.some((byte) => byte !== 0) === true ? vector : undefined;
      });
      const want = blooms.flatMap((bloom, block) =>
        sought.every((any) => any.length === 0 || any.some((one) => bloomContains(bloom, one)))
          ? [block]
          : [],
      );
      expect(found).toEqual(want);
    }),
    { seed: 0xb100, numRuns: 25 },
  );
});

test("a section has its length", () => {
  expect(() => rotateBlooms([empty])).toThrow(RangeError);
});
