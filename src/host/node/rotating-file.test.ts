import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { RotatingFile, type RotatingFileOptions } from "./rotating-file.ts";

const folder = await mkdtemp(join(tmpdir(), "glim log "));
afterAll(() => rm(folder, { recursive: true, force: true }));

const options = (path: string, more: Partial<RotatingFileOptions> = {}): RotatingFileOptions => ({
  path,
  rotate: true,
  maxBytes: 20,
  maxBackups: 0,
  maxAgeDays: 0,
  compress: false,
  ...more,
});

/** A clock that goes on a second each time it is asked. */
function seconds(start: string): () => number {
  let now = Date.parse(start);
  return () => {
    now += 1_000;
    return now;
  };
}

test("a full file is put aside under its time, a new one begins, no line is torn or lost", async () => {
  const path = join(folder, "a", "glim.log");
  {
    await using file = new RotatingFile(options(path, { now: seconds("2026-11-24T05:30:00Z") }));
    for (let n = 0; n < 5; n++) file.write(`line number ${n}\n`);
  }
  const names = (await readdir(join(folder, "a"))).sort();
  expect(names).toHaveLength(5);
  expect(names[0]).toBe("glim-2026-11-24T05-30-01.000.log");
  expect(await readFile(path, "utf8")).toBe("line number 4\n");
  expect(await readFile(join(folder, "a", "glim-2026-11-24T05-30-01.000.log"), "utf8")).toBe(
    "line number 0\n",
  );
});

test("only so many full files are kept, and only so long; they are packed", async () => {
  const path = join(folder, "b", "glim.log");
  await using first = new RotatingFile(options(path, { rotate: false }));
  await writeFile(join(folder, "b", "glim-2020-01-01T00-00-00.000.log"), "old");
  await writeFile(join(folder, "b", "glim-other.log"), "not ours");
  first.write("12345678901234567890\n");
  {
    const now = seconds("2026-11-24T05:30:00Z");
    await using file = new RotatingFile(options(path, { now, maxBackups: 2, maxAgeDays: 1, compress: true }));
    for (let n = 0; n < 4; n++) file.write(`line number ${n}\n`);
  }
  const names = (await readdir(join(folder, "b"))).sort();
  expect(names).toHaveLength(4);
  expect(names).toContain("glim-other.log");
  const packed = names.filter((name) => name.endsWith(".gz"));
  expect(gunzipSync(await readFile(join(folder, "b", packed.at(-1) ?? ""))).toString()).toBe(
    "line number 2\n",
  );
});

test("without rotation a file only grows, over restarts too", async () => {
  const path = join(folder, "c.log");
  for (const text of ["one\n", "two\n"]) {
    await using file = new RotatingFile(options(path, { rotate: false, maxBytes: 1 }));
    file.write(text);
  }
  expect(await readFile(path, "utf8")).toBe("one\ntwo\n");
});

test.skipIf(process.platform !== "linux")(
  "F37 what cannot be written is lost and told once; nothing is thrown",
  async () => {
    const failures: unknown[] = [];
    await using file = new RotatingFile(
      options("/dev/full", { rotate: false, onFailure: (error) => failures.push(error) }),
    );
    file.write("one\n");
    file.write("two\n");
    expect(failures).toHaveLength(1);
  },
);
