import { describe, expect, test } from "vitest";
import { keccak256 } from "#crypto";
import { DbError, memoryStore } from "#ethdb";
import { numberToBytes, toHex } from "#util";
import { RetrievedCache } from "./cache.ts";

const hashOf = (i: number) => keccak256(numberToBytes(i, 4));
const valueOf = (i: number, length = 500) => new Uint8Array(length).fill(i);

describe("what is kept", () => {
  test("a value by kind and hash, as a copy", async () => {
    const cache = await RetrievedCache.open(memoryStore());
    const value = valueOf(1);
    cache.put("node", hashOf(1), value);
    value.fill(9);
    expect(cache.get("node", hashOf(1))).toEqual(valueOf(1));
    expect(cache.get("body", hashOf(1))).toBeUndefined();
    expect({ hits: cache.hits, misses: cache.misses }).toEqual({ hits: 1, misses: 1 });
  });

  test("ST-01 a row that the disk damaged is as good as none, and is dropped", async () => {
    const store = memoryStore();
    const first = await RetrievedCache.open(store);
    first.put("node", hashOf(1), valueOf(1));
    first.flush();
    const damaged = new Set<string>();
    const failing = {
      ...store,
      get(key: Uint8Array) {
        damaged.add(toHex(key));
        throw DbError("CORRUPT", { key: toHex(key) });
      },
    };
    const second = await RetrievedCache.open(failing);
    expect(second.get("node", hashOf(1))).toBeUndefined();
    expect(damaged.size).toBe(1);
    expect(second.entries).toBe(0);
    expect((await RetrievedCache.open(store)).entries).toBe(0);
  });

  test("is bounded; what was not used for longest leaves first", async () => {
    const store = memoryStore();
    const cache = await RetrievedCache.open(store, { diskMegabytes: 0.1 });
    for (let i = 0; i < 100; i++) cache.put("node", hashOf(i), valueOf(i));
    cache.get("node", hashOf(0));
    for (let i = 100; i < 250; i++) {
      cache.put("node", hashOf(i), valueOf(i));
      cache.get("node", hashOf(0));
      expect(cache.sizeBytes).toBeLessThanOrEqual(100_000);
    }
    expect(cache.get("node", hashOf(0))).toEqual(valueOf(0));
    expect(cache.get("node", hashOf(1))).toBeUndefined();
    expect(cache.get("node", hashOf(249))).toEqual(valueOf(249));
  });

  test("a value larger than a quarter of the room is not kept, and pushes nothing out", async () => {
    const cache = await RetrievedCache.open(memoryStore(), { diskMegabytes: 0.1 });
    cache.put("node", hashOf(1), valueOf(1));
    cache.put("receipts", hashOf(2), valueOf(2, 30_000));
    expect(cache.entries).toBe(1);
  });

  test("no room at all keeps nothing", async () => {
    const cache = await RetrievedCache.open(memoryStore(), { diskMegabytes: 0 });
    cache.put("node", hashOf(1), valueOf(1));
    expect(cache.entries).toBe(0);
  });
});

describe("a restart", () => {
  test("finds what was flushed, in the order of its last writing", async () => {
    const store = memoryStore();
    const first = await RetrievedCache.open(store, { diskMegabytes: 0.1 });
    for (let i = 0; i < 100; i++) first.put("code", hashOf(i), valueOf(i));
    first.flush();
    const again = await RetrievedCache.open(store, { diskMegabytes: 0.1 });
    expect(again.entries).toBe(100);
    expect(again.sizeBytes).toBe(first.sizeBytes);
    expect(again.get("code", hashOf(3))).toEqual(valueOf(3));
    for (let i = 100; i < 200; i++) again.put("code", hashOf(i), valueOf(i));
    expect(again.get("code", hashOf(3))).toEqual(valueOf(3)); // used last
    expect(again.get("code", hashOf(0))).toBeUndefined();
  });

  test("a smaller limit drops the oldest at once, from the store too", async () => {
    const store = memoryStore();
    const first = await RetrievedCache.open(store, { diskMegabytes: 0.1 });
    for (let i = 0; i < 100; i++) first.put("node", hashOf(i), valueOf(i));
    first.flush();
    const again = await RetrievedCache.open(store, { diskMegabytes: 0.02 });
    expect(again.sizeBytes).toBeLessThanOrEqual(20_000);
    let rows = 0;
    for await (const _ of store.iterate()) rows++;
    expect(rows).toBe(again.entries);
  });

  test("beyond memory the older half goes to the store and is still there", async () => {
    const store = memoryStore();
    const cache = await RetrievedCache.open(store, { diskMegabytes: 40 });
    const count = 12_000;
    for (let i = 0; i < count; i++) cache.put("node", hashOf(i), valueOf(i & 255, 1_000));
    let rows = 0;
    for await (const _ of store.iterate()) rows++;
    expect(rows).toBeGreaterThan(1_000);
    expect(cache.entries).toBe(count);
    for (const i of [0, 1, count - 1]) expect(cache.get("node", hashOf(i))).toEqual(valueOf(i & 255, 1_000));
  });
});
