import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import fc from "fast-check";
import { afterAll, describe, expect, test, vi } from "vitest";
import { toHex, utf8Encode } from "#util";
import { DbError, type KeyValueStore, memoryStore, namespaced, openLevelStore } from "./index.ts";

const root = await mkdtemp(join(tmpdir(), "glim ethdb "));
afterAll(() => rm(root, { recursive: true, force: true }));
let folders = 0;
const folder = () => join(root, `store ${folders++}`);
const key = (text: string) => utf8Encode(text);

async function all(store: KeyValueStore, range = {}) {
  const found: string[] = [];
  for await (const [k, v] of store.iterate(range)) found.push(`${toHex(k)}=${toHex(v)}`);
  return found;
}

const factories: Record<string, () => Promise<KeyValueStore>> = {
  memory: async () => memoryStore(),
  level: () => openLevelStore(folder()),
  "namespaced memory": async () => namespaced(memoryStore(), key("n-")),
  "namespaced level": async () => namespaced(await openLevelStore(folder()), Uint8Array.of(0xff, 0xff)),
};

describe.each(Object.entries(factories))("%s store", (_name, open) => {
  test("a write is seen by the next read, before it is on disk", async () => {
    await using store = await open();
    store.put(key("a"), Uint8Array.of(1));
    expect(store.get(key("a"))).toEqual(Uint8Array.of(1));
    store.delete(key("a"));
    expect(store.get(key("a"))).toBeUndefined();
    expect(store.has(key("a"))).toBe(false);
    await store.flush();
    expect(store.get(key("a"))).toBeUndefined();
  });

  test("a batch is seen in one piece, and only once written", async () => {
    await using store = await open();
    const batch = store.batch().put(key("a"), Uint8Array.of(1)).put(key("b"), new Uint8Array());
    expect(store.get(key("a"))).toBeUndefined();
    batch.write();
    expect(store.get(key("b"))).toEqual(new Uint8Array());
    await store.flush();
    expect(store.get(key("a"))).toEqual(Uint8Array.of(1));
  });

  test("iterates in key order within a range, both ways", async () => {
    await using store = await open();
    for (const name of ["b", "a", "c", "ab"]) store.put(key(name), key(name));
    const keys = async (range = {}) => (await all(store, range)).map((line) => line.split("=")[0]);
    expect(await keys()).toEqual(["0x61", "0x6162", "0x62", "0x63"]);
    expect(await keys({ gte: key("ab"), lt: key("c") })).toEqual(["0x6162", "0x62"]);
    expect(await keys({ reverse: true, limit: 2 })).toEqual(["0x63", "0x62"]);
  });

  test("ST-08 any key is kept: none, a zero byte, 64 KiB; over flushes with nothing to write", async () => {
    await using store = await open();
    const keys = [new Uint8Array(0), Uint8Array.of(0), Uint8Array.of(0, 0), new Uint8Array(1 << 16).fill(7)];
    for (const [i, each] of keys.entries()) store.put(each, Uint8Array.of(i));
    for (let i = 0; i < 3; i++) await store.flush();
    expect(keys.map((each) => store.get(each))).toEqual([0, 1, 2, 3].map((i) => Uint8Array.of(i)));
    expect(await all(store)).toHaveLength(4);
  });

  test("ST-08 a value of 16 MiB is kept", async () => {
    await using store = await open();
    const value = new Uint8Array(16 << 20).fill(5);
    store.put(key("large"), value);
    await store.flush();
    expect(Buffer.compare(store.get(key("large")) ?? new Uint8Array(0), value)).toBe(0);
  });

  test("ST-08 a value of 1 GiB is refused, and the batch it was put into can still be written", async () => {
    await using store = await open();
    const value = new Uint8Array(2 ** 30);
    const batch = store.batch().put(key("a"), Uint8Array.of(1));
    expect(() => batch.put(key("huge"), value)).toThrow(expect.objectContaining({ code: "DB_TOO_LARGE" }));
    expect(() => store.put(key("huge"), value)).toThrow(expect.objectContaining({ code: "DB_TOO_LARGE" }));
    batch.write();
    await store.flush();
    expect([store.get(key("a")), store.has(key("huge"))]).toEqual([Uint8Array.of(1), false]);
  });

  test("behaves like a sorted map under random operations", async () => {
    const operation = fc.tuple(
      fc.constantFrom("put", "delete"),
      fc.uint8Array({ maxLength: 3 }),
      fc.uint8Array({ maxLength: 3 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async (operations) => {
        await using store = await open();
        const model = new Map<string, Uint8Array>();
        for (const [kind, k, v] of operations) {
          if (kind === "put") {
            store.put(k, v);
            model.set(toHex(k), v);
          } else {
            store.delete(k);
            model.delete(toHex(k));
          }
        }
        expect(await all(store)).toEqual(
          [...model].sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${k}=${toHex(v)}`),
        );
      }),
      { seed: 1, numRuns: 40 },
    );
  });
});

describe("level store", () => {
  test("ST-07 F08 a table that cannot be read fails that read, typed, and is told; nothing says not found", async () => {
    const path = folder();
    const store = await openLevelStore(path);
    for (let i = 0; i < 5000; i++) store.put(Uint8Array.of(i >> 8, i & 255), new Uint8Array(1000).fill(i));
    await store.flush();
    await store.close();
    await (await openLevelStore(path)).close(); // what was in the log is in tables now
    for (const name of (await readdir(path)).filter((one) => one.endsWith(".ldb"))) {
      const { length } = await readFile(join(path, name));
      await writeFile(join(path, name), new Uint8Array(length).fill(3));
    }
    const told: string[] = [];
    await using damaged = await openLevelStore(path, { onFailure: ({ code }) => told.push(code) });
    expect(() => damaged.get(Uint8Array.of(1, 1))).toThrow(
      expect.objectContaining({ code: "DB_READ_FAILED", exitCode: 4 }),
    );
    await expect(all(damaged)).rejects.toMatchObject({ code: "DB_READ_FAILED" });
    expect(told).toEqual(["DB_READ_FAILED", "DB_READ_FAILED"]);
  });

  test("ST-07 F08 an fsync that fails is final: told once, nothing is written after it, what was on disk is there again", async () => {
    const path = folder();
    const told: string[] = [];
    const store = await openLevelStore(path, { onFailure: ({ code }) => told.push(code) });
    store.put(Uint8Array.of(1), Uint8Array.of(1));
    await store.flush();
    // no file system of a test fails its fsync when asked to: LevelDB's own call does
    const batch = Reflect.get(ClassicLevel.prototype, "batch") as (this: ClassicLevel) => unknown;
    let writes = 0;
    const failing = vi.spyOn(ClassicLevel.prototype, "batch").mockImplementation(function (
      this: ClassicLevel,
    ) {
      const real = batch.call(this) as unknown as { write: (options: unknown) => Promise<void> };
      real.write = async () => {
        writes++;
        throw new Error("IO error: fsync: Input/output error");
      };
      return real as never; // the chained form alone is used
    });
    store.put(Uint8Array.of(2), Uint8Array.of(2));
    await expect(store.flush()).rejects.toMatchObject({ code: "DB_WRITE_FAILED", exitCode: 5 });
    failing.mockRestore();
    expect(() => store.put(Uint8Array.of(3), Uint8Array.of(3))).toThrow(
      expect.objectContaining({ code: "DB_WRITE_FAILED" }),
    );
    await expect(store.flush()).rejects.toMatchObject({ code: "DB_WRITE_FAILED" });
    expect([told, writes]).toEqual([["DB_WRITE_FAILED"], 1]);
    await store.close();
    await using again = await openLevelStore(path);
    expect(await all(again)).toEqual(["0x01=0x01"]);
  });

  test("ST-08 10,000 iterators left open do not keep it from closing, and end with CLOSED", async () => {
    for (const [store, count] of [
      [await openLevelStore(folder()), 10_000],
      [memoryStore(), 10],
    ] as const) {
      for (let i = 0; i < 2000; i++) store.put(Uint8Array.of(i >> 8, i & 255), new Uint8Array(500));
      await store.flush();
      const iterators = Array.from({ length: count }, () => store.iterate()[Symbol.asyncIterator]());
      for (const each of iterators) await each.next();
      await store.close();
      const rest = async () => {
        for (const each of [iterators[0], iterators.at(-1)]) while ((await each?.next())?.done === false) {} // what was read ahead may still come
      };
      await expect(rest()).rejects.toMatchObject({ code: "DB_CLOSED" });
    }
  });

  test("keeps what was written over a restart", async () => {
    const path = folder();
    const first = await openLevelStore(path);
    first.put(key("a"), Uint8Array.of(7));
    await first.close();
    await first.close();
    expect(() => first.get(key("a"))).toThrow(expect.objectContaining({ code: "DB_CLOSED" }));
    await using second = await openLevelStore(path);
    expect(second.get(key("a"))).toEqual(Uint8Array.of(7));
  });

  test("ST-01 F40 a flipped bit in a table file is an error, never a wrong value", async () => {
    const path = folder();
    const value = utf8Encode("the value under test ".repeat(20));
    const first = await openLevelStore(path);
    for (let i = 0; i < 50; i++) first.put(key(`key ${i}`), Uint8Array.of(i, ...value));
    await first.close();
    await (await openLevelStore(path)).close(); // replays the log into a table
    const table = (await readdir(path)).find((name) => name.endsWith(".ldb"));
    if (table === undefined) throw new Error("no table file was written");
    const bytes = await readFile(join(path, table));
    let wrong = 0;
    let refused = 0;
    for (let at = 10; at < bytes.length - 200; at += Math.ceil(bytes.length / 40)) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      await writeFile(join(path, table), damaged);
      let told = 0;
      const store = await openLevelStore(path, { onFailure: () => told++ }).catch(() => undefined);
      if (store === undefined) {
        refused++;
        continue;
      }
      for (let i = 0; i < 50; i++) {
        try {
          const got = store.get(key(`key ${i}`));
          if (got !== undefined && toHex(got) !== toHex(Uint8Array.of(i, ...value))) wrong++;
        } catch (error) {
          refused++;
          if (DbError.is(error, "CORRUPT")) expect(told).toBeGreaterThan(0); // the owner stops the node
        }
      }
      await store.close();
    }
    expect(wrong).toBe(0);
    expect(refused).toBeGreaterThan(0);
  });

  test("ST-03 F40 a store without its CURRENT file is refused by name", async () => {
    const path = folder();
    const store = await openLevelStore(path);
    store.put(key("a"), Uint8Array.of(1));
    await store.close();
    await writeFile(join(path, "CURRENT"), "");
    await expect(openLevelStore(path)).rejects.toMatchObject({ code: "DB_OPEN_FAILED", exitCode: 4 });
  });
});
