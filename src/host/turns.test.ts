import { expect, test } from "vitest";
import { turnsOf } from "./turns.ts";

/** A clock that stands still unless work moves it. */
function stage() {
  let now = 0;
  const clock = { now: () => now };
  return { turns: turnsOf(clock), work: (ms: number) => (now += ms), clock };
}
const loop = () => new Promise<void>((resolve) => setImmediate(resolve));

test("attack/RP-19 a turn of the event loop begins no more than its share, and each owner has one job a round", async () => {
  const { turns, work } = stage();
  expect(turns.mayBegin()).toBe(true);
  work(3);
  expect(turns.mayBegin()).toBe(false);
  const done: string[] = [];
  const job = (name: string) => () => {
    work(0.3);
    done.push(name);
  };
  for (let i = 0; i < 9; i++) turns.begin("many", job("many"));
  turns.begin("few", job("few"));
  expect(turns.mayBegin()).toBe(false); // nobody passes those in line
  await loop();
  expect(done).toEqual(["many", "few"]); // what was left of the turn
  for (let i = 0; i < 8; i++) await loop();
  expect(done).toHaveLength(10);
  expect(turns.mayBegin()).toBe(true);
});

test("attack/RP-07 of work in the middle one piece goes on each turn", async () => {
  const { turns, work } = stage();
  let pieces = 0;
  const run = async (): Promise<void> => {
    const slice = turns.slice();
    for (let i = 0; i < 40; i++) {
      if (slice.isOver) await slice.rest();
      work(0.5);
      pieces++;
    }
  };
  const all = Promise.all([run(), run(), run()]);
  pieces = 0;
  for (let i = 0; i < 6; i++) {
    const before = pieces;
    await loop();
    await loop();
    expect(pieces - before).toBeLessThanOrEqual(8);
  }
  await all;
});

test("attack/RP-06 new connections are before work in the middle, for eight turns", async () => {
  const { turns } = stage();
  let waited = 0;
  let isOver = false;
  void turns.rest().then(() => (isOver = true));
  while (!isOver) {
    turns.arrived();
    await loop();
    waited++;
  }
  expect(waited).toBeGreaterThanOrEqual(8);
  expect(waited).toBeLessThan(12);
});

test("who reads one clock shares its turns", () => {
  const { turns, clock } = stage();
  expect(turnsOf(clock)).toBe(turns);
});
