import { describe, expect, test } from "vitest";
import { Guard } from "./guard.ts";

/** Runs `count` loops that never end by themselves, for `turns` of the event loop; how long each turn took, ms. */
async function turnsOf(count: number, turns: number): Promise<number[]> {
  let now = 0;
  let isOver = false;
  const clock = { now: () => now };
  const run = async (): Promise<void> => {
    const guard = new Guard({ clock });
    while (!isOver) {
      now += 0.001; // a JUMPDEST and what stands before it
      const turn = guard.check();
      if (turn !== undefined) await turn;
    }
  };
  const took: number[] = [];
  const watch = async (): Promise<void> => {
    for (let i = 0; i < turns; i++) {
      const start = now;
      await new Promise<void>((resolve) => setImmediate(resolve));
      took.push(now - start);
    }
    isOver = true;
  };
  await Promise.all([watch(), ...Array.from({ length: count }, run)]);
  return took;
}

describe("RP-12 endless runs leave the rest of the process its turns", () => {
  test.each([1, 3, 8, 64])(
    "%i at once: a turn of the event loop takes little more than one slice",
    async (count) => {
      const took = await turnsOf(count, 80);
      // the first turns are those in which the runs do not know of each other yet
      for (const ms of took.slice(16)) expect(ms).toBeLessThan(8);
      expect(Math.max(...took.slice(16))).toBeGreaterThan(1);
    },
  );
});
