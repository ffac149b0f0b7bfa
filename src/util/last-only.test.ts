import { expect, test } from "vitest";
import { lastOnly } from "./last-only.ts";

test("the same argument again is not worked on again; another one is, and takes its place", () => {
  let made = 0;
  const wrap = lastOnly((value: object) => ({ value, number: ++made }));
  const [first, second] = [{}, {}];
  const answer = wrap(first);
  expect(answer).toEqual({ value: first, number: 1 });
  expect(wrap(first)).toBe(answer);
  expect(wrap(second)).toEqual({ value: second, number: 2 });
  expect(wrap(first).number, "only the last one is remembered").toBe(3);
});

test("an argument that looks the same is another one; undefined and NaN are arguments", () => {
  let made = 0;
  const count = lastOnly((_: unknown) => ++made);
  expect([
    count(undefined),
    count(undefined),
    count({}),
    count({}),
    count(NaN),
    count(NaN),
    count(0),
    count(-0),
  ]).toEqual([1, 1, 2, 3, 4, 4, 5, 6]);
});

test("what throws is not remembered", () => {
  let isBroken = true;
  const fragile = lastOnly((value: number) => {
    if (isBroken) throw new Error("broken");
    return value + 1;
  });
  expect(() => fragile(1)).toThrow("broken");
  isBroken = false;
  expect(fragile(1)).toBe(2);
});
