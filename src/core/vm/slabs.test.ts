// RP-12: memory of frames is bounded by count, used again, and let go of whole.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SlabPool } from "./slabs.ts";

const KIB = 1024;
const LEAST = 16 * KIB;

describe("RP-12 memory that frames use again", () => {
  test("the base's bound, a region's bound, a slab more, and more than all regions: an array of its own", () => {
    const pool = new SlabPool({ baseBytes: LEAST, regionBytes: 4 * LEAST, mostRegions: 2 });
    const lent = [pool.take(LEAST)];
    expect([pool.figures, pool.isTrimmed]).toEqual([{ heldBytes: LEAST, usedBytes: LEAST, lent: 1 }, true]);
    for (let i = 0; i < 4; i++) lent.push(pool.take(LEAST));
    expect(pool.figures).toEqual({ heldBytes: 5 * LEAST, usedBytes: 5 * LEAST, lent: 5 });
    lent.push(pool.take(1));
    expect(pool.figures).toEqual({ heldBytes: 9 * LEAST, usedBytes: 6 * LEAST, lent: 6 });
    for (let i = 0; i < 3; i++) lent.push(pool.take(LEAST));
    const bound = { heldBytes: 9 * LEAST, usedBytes: 9 * LEAST, lent: 9 };
    expect(pool.figures).toEqual(bound);
    const own = pool.take(LEAST);
    expect([own.length, own.buffer.byteLength]).toEqual([LEAST, LEAST]);
    expect(pool.figures).toEqual(bound);
    pool.give(own); // nobody's
    expect(pool.figures).toEqual(bound);
    for (const slab of lent) pool.give(slab);
    expect(pool.figures).toEqual({ ...bound, lent: 0 });
  });

  test("more than a region holds is an array of its own", () => {
    const pool = new SlabPool({ baseBytes: LEAST, regionBytes: 4 * LEAST, mostRegions: 2 });
    expect(pool.take(4 * LEAST + 1).buffer.byteLength).toBe(5 * LEAST);
    expect(pool.figures.heldBytes).toBe(0);
  });

  test("what came back is lent again, as zeros", () => {
    const pool = new SlabPool({ baseBytes: 4 * LEAST, regionBytes: 4 * LEAST, mostRegions: 1 });
    const first = pool.take(LEAST).fill(1);
    pool.give(first);
    const second = pool.take(LEAST);
    expect(second.buffer).toBe(first.buffer);
    expect(second.every((byte) => byte === 0)).toBe(true);
    expect(pool.figures.usedBytes).toBe(LEAST);
  });

  test("a region of which nothing is lent is cut anew in other sizes, and let go of by a trim", () => {
    const pool = new SlabPool({ baseBytes: LEAST, regionBytes: 4 * LEAST, mostRegions: 1 });
    const small = Array.from({ length: 5 }, () => pool.take(LEAST).fill(1));
    for (const slab of small) pool.give(slab);
    const large = pool.take(3 * LEAST);
    expect(large.every((byte) => byte === 0)).toBe(true);
    expect(pool.figures).toEqual({ heldBytes: 5 * LEAST, usedBytes: 5 * LEAST, lent: 1 });
    pool.trim();
    expect(pool.figures.heldBytes).toBe(5 * LEAST); // some of it is lent
    pool.give(large);
    pool.trim();
    expect([pool.figures, pool.isTrimmed]).toEqual([{ heldBytes: LEAST, usedBytes: LEAST, lent: 0 }, true]);
  });

  test("what came back beside each other is one piece again, whatever sizes are asked for while one slab stays lent", () => {
    const regionBytes = 33 * 1024 * KIB;
    const pool = new SlabPool({ baseBytes: LEAST, regionBytes, mostRegions: 8 });
    const stay = [pool.take(LEAST), pool.take(LEAST)]; // of the base, and of a region
    for (let size = LEAST; size <= 4 * 1024 * KIB; size = Math.ceil((size * 5) / 4 / KIB) * KIB) {
      const lent: Uint8Array[] = [];
      for (let bytes = 0; bytes < 24 * 1024 * KIB; bytes += size) lent.push(pool.take(size));
      for (const [i, slab] of lent.entries()) if (i % 2 === 0) pool.give(slab);
      for (const [i, slab] of lent.entries()) if (i % 2 === 1) pool.give(slab);
    }
    expect(pool.figures).toMatchObject({ heldBytes: LEAST + regionBytes, lent: 2 });
    for (const slab of stay) pool.give(slab);
    expect(pool.take(4 * 1024 * KIB).byteOffset).toBe(0);
  });

  test("whatever is taken and given back: zeros, and nobody's bytes are another's (seed 9)", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 200 * KIB })), { maxLength: 60 }),
        (steps) => {
          const pool = new SlabPool({ baseBytes: 64 * KIB, regionBytes: 512 * KIB, mostRegions: 2 });
          const lent: Uint8Array[] = [];
          for (const [i, [isTaken, size]] of steps.entries()) {
            const oldest = lent[0];
            if (isTaken || oldest === undefined) {
              const slab = pool.take(size);
              expect(slab.length).toBeGreaterThanOrEqual(size);
              expect(slab.every((byte) => byte === 0)).toBe(true);
              lent.push(slab.fill((i % 255) + 1));
            } else {
              lent.shift();
              expect(new Set(oldest).size).toBe(1);
              pool.give(oldest);
            }
          }
          for (const slab of lent) expect(new Set(slab).size).toBe(1);
          expect(pool.figures.heldBytes).toBeLessThanOrEqual(1088 * KIB);
        },
      ),
      { seed: 9, numRuns: 25 },
    );
  });
});
