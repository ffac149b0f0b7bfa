import fc from "fast-check";
import { concatBytes } from "#util";
import { expect, test } from "vitest";
import { ChunkList } from "./chunks.ts";

test("whatever the pieces and the takes: the same bytes in the same order", () => {
  const piece = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 500, maxLength: 600 }));
  const steps = fc.array(fc.oneof(fc.record({ push: piece }), fc.record({ take: fc.nat(900) })), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(steps, (list) => {
      const chunks = new ChunkList();
      let model = new Uint8Array(0);
      for (const step of list) {
        if ("push" in step) {
          chunks.push(step.push);
          model = Uint8Array.from(concatBytes(model, step.push));
        } else {
          const count = Math.min(step.take, model.length);
          expect(chunks.take(count)).toEqual(model.slice(0, count));
          model = model.slice(count);
        }
        expect(chunks.length).toBe(model.length);
      }
      expect(chunks.take(model.length)).toEqual(model);
    }),
    { seed: 6, numRuns: 300 },
  );
});

test("a take is not changed by what comes after it", () => {
  const chunks = new ChunkList();
  chunks.push(new Uint8Array(600).fill(1));
  chunks.push(Uint8Array.of(2, 2));
  chunks.take(600);
  const kept = chunks.take(1);
  for (let i = 0; i < 40_000; i++) chunks.push(Uint8Array.of(3));
  expect([...kept, ...chunks.take(3)]).toEqual([2, 2, 3, 3]);
});

test("taking more than there is throws and is never asked for by the readers", () => {
  const chunks = new ChunkList();
  chunks.push(Uint8Array.of(1));
  expect(() => chunks.take(2)).toThrow(RangeError);
});
