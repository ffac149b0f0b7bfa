import { describe, expect, test } from "vitest";
import { BodyBudget } from "./body-budget.ts";

const KIB = 1024;

describe("RP-04 what all bodies take together", () => {
  test("at the bound, a byte more, and room again when one is answered", () => {
    const budget = new BodyBudget(300 * KIB);
    const [first, second, third] = [budget.lease(), budget.lease(), budget.lease()];
    expect(first.reaches(200 * KIB)).toBe(true);
    expect(second.reaches(100 * KIB)).toBe(true);
    expect(budget.heldBytes).toBe(300 * KIB);
    expect(second.reaches(100 * KIB + 1)).toBe(false);
    expect(third.reaches(64 * KIB + 1)).toBe(false);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(budget.heldBytes).toBe(100 * KIB);
    expect(third.reaches(200 * KIB)).toBe(true);
    second[Symbol.dispose]();
    third[Symbol.dispose]();
    expect(budget.heldBytes).toBe(0);
  });

  test("small ones are not counted, one that grows is counted once, and one alone may have more", () => {
    const budget = new BodyBudget(100 * KIB);
    const growing = budget.lease();
    for (let bytes = KIB; bytes <= 500 * KIB; bytes += KIB) expect(growing.reaches(bytes)).toBe(true);
    expect(budget.heldBytes).toBe(500 * KIB);
    const small = budget.lease();
    expect(small.reaches(64 * KIB)).toBe(true);
    expect(budget.heldBytes).toBe(500 * KIB);
    growing[Symbol.dispose]();
    expect(budget.heldBytes).toBe(0);
  });
});
