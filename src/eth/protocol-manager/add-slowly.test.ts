import { expect, test } from "vitest";
import type { Transaction } from "#core/types";
import { SimulatedClock } from "#host/sim";
import { addSlowly } from "./add-slowly.ts";

test("5,000 transactions of one message go to the pool in parts, and others run in between", async () => {
  const clock = new SimulatedClock();
  const parts: number[] = [];
  const pool = {
    addRemotes: (some: readonly Transaction[]) => {
      parts.push(some.length);
      return some.map(() => undefined);
    },
  };
  const txs = Array.from({ length: 5_000 }, () => ({}) as Transaction); // the pool is not ours to test here
  const adding = addSlowly(pool, txs, clock);
  expect(parts).toEqual([64]);
  for (let i = 0; i < 100; i++) await clock.advance(1);
  expect(await adding).toEqual(txs.map(() => "added"));
  expect(parts).toHaveLength(79);
  expect(Math.max(...parts)).toBe(64);
});
