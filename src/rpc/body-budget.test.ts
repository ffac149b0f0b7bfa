import { describe, expect, test } from "vitest";
import { SimulatedClock } from "#host/sim";
import { BodyBudget, IncomingTexts } from "./body-budget.ts";

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

describe("RP-16 RP-21 texts of connections that stay", () => {
  test("each is counted from 64 KiB on until it is answered; a refusal is told once, and nothing is held then", () => {
    const budget = new BodyBudget(300 * KIB);
    const clock = new SimulatedClock();
    const told: string[] = [];
    const texts = (name: string) =>
      new IncomingTexts(budget, clock, 1_000, (why) => told.push(`${name} ${why}`));
    const [one, two] = [texts("one"), texts("two")];
    expect([one.reaches(64 * KIB), budget.heldBytes]).toEqual([true, 0]);
    expect([one.reaches(200 * KIB), budget.heldBytes]).toEqual([true, 200 * KIB]);
    const answering = one.whole();
    expect(one.whole()).toBeUndefined();
    expect([one.reaches(100 * KIB), budget.heldBytes]).toEqual([true, 300 * KIB]); // its next message, beside the first
    expect([two.reaches(64 * KIB + 1), two.reaches(1)]).toEqual([false, false]);
    expect([told, budget.heldBytes, clock.activeTimers]).toEqual([["two no room"], 300 * KIB, 1]);
    answering?.[Symbol.dispose]();
    one[Symbol.dispose]();
    expect([budget.heldBytes, clock.activeTimers]).toEqual([0, 0]);
  });

  test("one that is not whole in time is refused and gives back what it held", async () => {
    const budget = new BodyBudget(300 * KIB);
    const clock = new SimulatedClock();
    const told: string[] = [];
    const texts = new IncomingTexts(budget, clock, 1_000, (why) => told.push(why));
    texts.reaches(100 * KIB);
    texts.whole()?.[Symbol.dispose](); // in time
    texts.reaches(70 * KIB);
    await clock.advance(999);
    expect([told, budget.heldBytes]).toEqual([[], 70 * KIB]);
    await clock.advance(1);
    expect([told, budget.heldBytes, clock.activeTimers]).toEqual([["too slow"], 0, 0]);
  });
});
