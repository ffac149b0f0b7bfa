import { describe, expect, test } from "vitest";
import { type Caller, FairQueue } from "./fair-queue.ts";

const at = (address: string, connection = 1): Caller => ({ address, connection });

/** Everything, in the order of its turns. */
function drain<T>(line: FairQueue<T>): T[] {
  const all: T[] = [];
  for (let one = line.shift(); one !== undefined; one = line.shift()) all.push(one);
  return all;
}

describe("a line that many share", () => {
  test("addresses by turns, of each its connections by turns, of each connection the oldest first", () => {
    const line = new FairQueue<string>();
    for (const one of ["a1", "a2", "a3"]) line.push(at("a"), one);
    line.push(at("a", 2), "a'1");
    line.push(at("b"), "b1");
    line.push(at("b"), "b2");
    expect(line.size).toBe(6);
    expect(drain(line)).toEqual(["a1", "b1", "a'1", "b2", "a2", "a3"]);
    expect([line.size, line.shift()]).toEqual([0, undefined]);
  });

  test("a single one is behind at most one of each other, however many wait", () => {
    const line = new FairQueue<string>();
    for (let i = 0; i < 1_000; i++) line.push(at("many"), `m${i}`);
    line.push(at("few"), "mine");
    expect([line.shift(), line.shift()]).toEqual(["m0", "mine"]);
  });

  test("who leaves is not given a turn, and leaves nothing behind", () => {
    const line = new FairQueue<string>();
    line.push(at("a"), "a1");
    line.push(at("a"), "a2");
    expect([line.delete(at("a"), "a1"), line.delete(at("a"), "a1"), line.delete(at("b"), "a2")]).toEqual([
      true,
      false,
      false,
    ]);
    line.push(at("a"), "a2"); // already there
    expect(line.size).toBe(1);
    expect(drain(line)).toEqual(["a2"]);
  });

  test("room is made of the youngest of who has most: two more than the newcomer, of an address, then of a connection", () => {
    const line = new FairQueue<string>();
    for (const one of ["a1", "a2", "a3"]) line.push(at("a"), one);
    line.push(at("a", 2), "a'1");
    line.push(at("b"), "b1");
    expect(line.makeRoom(at("a"))).toBeUndefined();
    expect(line.makeRoom(at("a", 2))).toBe("a3"); // 3 of one connection, 1 of the other
    expect(line.makeRoom(at("a", 2))).toBeUndefined();
    expect(line.makeRoom(at("b"))).toBe("a2"); // 3 of that address, 1 of this
    expect(line.makeRoom(at("b"))).toBeUndefined();
    expect(line.makeRoom(at("c"))).toBeDefined();
    expect(line.makeRoom(at("c"))).toBeUndefined(); // nobody has two
    expect(line.size).toBe(2);
    expect(new FairQueue().makeRoom(at("a"))).toBeUndefined();
  });
});
