import { expect, test } from "vitest";
import { SimulatedClock } from "#host/sim";
import { Bursts } from "./bursts.ts";

test("the first is told at once, what follows within 100 ms together, and a quiet time ends it", async () => {
  const clock = new SimulatedClock();
  const told: (readonly number[])[] = [];
  const bursts = new Bursts<number>(clock, 100, (items) => told.push(items));
  bursts.add([1]);
  bursts.add([2, 3]);
  await clock.advance(99);
  bursts.add([4]);
  expect(told).toEqual([[1]]);
  await clock.advance(1);
  expect(told).toEqual([[1], [2, 3, 4]]);
  await clock.advance(50);
  bursts.add([5]);
  await clock.advance(50);
  expect(told).toEqual([[1], [2, 3, 4], [5]]);
  await clock.advance(100);
  expect(clock.activeTimers).toBe(0);
  bursts.add([6]);
  expect(told).toHaveLength(4);
  bursts.add([7]);
  bursts.stop();
  await clock.advance(1_000);
  expect(told).toHaveLength(4);
  expect(clock.activeTimers).toBe(0);
});
