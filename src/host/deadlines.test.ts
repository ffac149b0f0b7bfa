import { expect, test } from "vitest";
import { Deadlines } from "./deadlines.ts";
import { SimulatedClock } from "#host/sim";

test("each wait ends when it is due, by one timer", async () => {
  const clock = new SimulatedClock();
  const ended: [string, number][] = [];
  const deadlines = new Deadlines<string>(clock, 100, (wait) => ended.push([wait, clock.now()]));
  deadlines.add("a");
  await clock.advance(30);
  deadlines.add("b");
  deadlines.add("c");
  deadlines.add("d", clock.now() + 40);
  expect(clock.activeTimers).toBe(1);
  deadlines.delete("c");
  await clock.advance(1_000);
  expect(ended).toEqual([
    ["a", 100],
    ["b", 130],
    ["d", 170],
  ]);
  expect(clock.activeTimers).toBe(0);
});

test("a wait that is over may call off another, and begin one", async () => {
  const clock = new SimulatedClock();
  const ended: string[] = [];
  const deadlines: Deadlines<string> = new Deadlines(clock, 100, (wait) => {
    ended.push(wait);
    deadlines.delete("b");
    if (wait === "a") deadlines.add("c");
  });
  deadlines.add("a");
  deadlines.add("b");
  await clock.advance(199);
  expect(ended).toEqual(["a"]);
  await clock.advance(1);
  expect(ended).toEqual(["a", "c"]);
  expect(clock.activeTimers).toBe(0);
});

test("closed, it keeps its timer only while something waits", async () => {
  const clock = new SimulatedClock();
  const ended: string[] = [];
  const idle = new Deadlines<string>(clock, 100, (wait) => ended.push(wait));
  idle.add("a");
  idle.delete("a");
  expect(clock.activeTimers).toBe(1);
  idle.close();
  expect(clock.activeTimers).toBe(0);

  const busy = new Deadlines<string>(clock, 100, (wait) => ended.push(wait));
  busy.add("b");
  busy.add("c");
  busy.close();
  await clock.advance(50);
  busy.delete("b");
  expect(clock.activeTimers).toBe(1);
  await clock.advance(50);
  expect(ended).toEqual(["c"]);
  busy.close();
  expect(clock.activeTimers).toBe(0);
});
