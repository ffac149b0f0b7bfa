// F40: one bit flipped in any file of a chain's database, at 1,000 places (GLIM_F40_PLACES). What is wrong is told, or does
// not matter; it is never believed.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { openLevelStore } from "#ethdb";
import { seededRand } from "#host/sim";
import { formatGenesis } from "#params";
import { toHex } from "#util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sealedWorld } from "../kit/chains.ts";

const folder = mkdtempSync(join(tmpdir(), "glim-damage-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const PLACES = Number(process.env["GLIM_F40_PLACES"] ?? 1_000);
const seed = 40;
/** Blocks in tables, and then some in the log. */
const [OLD, YOUNG] = [25, 5] as const;
const source = join(folder, "db");
const factsFile = join(folder, "facts.json");

beforeAll(async () => {
  await using db = await openLevelStore(source);
  const { chain, spec, next } = sealedWorld({}, db);
  /** Every value that a key ever had: where the last write is lost, the one before comes back. */
  const rows: Record<string, string[]> = {};
  const note = async () => {
    for await (const [key, value] of db.iterate()) {
      const values = (rows[toHex(key)] ??= []);
      if (!values.includes(toHex(value))) values.push(toHex(value));
    }
  };
  for (let i = 0; i < OLD + YOUNG; i++) {
    await note();
    await next();
    await db.flush();
    if (i === OLD) await db.compact?.();
  }
  await note();
  const hashes = Array.from({ length: OLD + YOUNG + 1 }, (_, i) =>
    toHex(chain.headerByNumber(i)?.hash ?? new Uint8Array(0)),
  );
  writeFileSync(factsFile, JSON.stringify({ genesis: formatGenesis(spec), hashes, rows }));
}, 120_000);

interface Said {
  readonly result?: string;
  readonly error?: { code?: string; exitCode?: number; blame?: string; text: string };
}

/** Opens copies in a process of its own, and in another one when that ended. */
class Reader {
  #child: ChildProcessByStdio<Writable, Readable, null> | undefined;
  #lines: AsyncIterator<string> | undefined;

  async ask(copy: string): Promise<Said> {
    if (this.#child === undefined) {
      const program = join("test", "kit", "damage-reader.mjs");
      this.#child = spawn(process.execPath, [program, factsFile], { stdio: ["pipe", "pipe", "ignore"] });
      this.#child.stdin.on("error", () => {}); // it ended: the missing line says so
      this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    }
    this.#child.stdin.write(`${copy}\n`);
    const line = await this.#lines?.next();
    if (line?.done === false) return JSON.parse(line.value) as Said;
    this.#child = undefined;
    return { result: "LevelDB ended the process" };
  }

  async close(): Promise<void> {
    if (this.#child === undefined) return;
    this.#child.stdin.end();
    await once(this.#child, "close");
  }
}

test(`F40 one bit flipped in the database at ${PLACES} places (seed ${seed}): told with exit code 4, or without effect`, {
  timeout: 3_600_000,
}, async () => {
  const rand = seededRand(seed);
  const files = readdirSync(source).filter((name) => !/^LO(CK|G)/.test(name));
  expect(files.some((name) => name.endsWith(".ldb"))).toBe(true);
  expect(files.some((name) => name.endsWith(".log"))).toBe(true);
  const total = files.reduce((sum, name) => sum + statSync(join(source, name)).size, 0);
  const counts: Record<string, number> = {};
  const reader = new Reader();
  for (let i = 0; i < PLACES; i++) {
    const copy = mkdtempSync(join(folder, "copy-"));
    cpSync(source, copy, { recursive: true });
    // half by bytes, half by files, so that the small ones (MANIFEST, CURRENT) have their turn
    let at = rand.int(total);
    let name = files[rand.int(files.length)] ?? "";
    if (i % 2 === 0)
      for (const one of files) {
        name = one;
        const { size } = statSync(join(source, one));
        if (at < size) break;
        at -= size;
      }
    const bytes = readFileSync(join(copy, name));
    at %= bytes.length;
    bytes[at] = (bytes[at] ?? 0) ^ (1 << rand.int(8));
    writeFileSync(join(copy, name), bytes);
    const { result, error } = await reader.ask(copy);
    if (error !== undefined) {
      // another digit in the file that names the version is another version
      const exitCode = name === "SCHEMA" && error.code?.startsWith("DB_SCHEMA_") === true ? 7 : 4;
      expect(error, `${name} at ${at}`).toMatchObject({ blame: "environment", exitCode });
    }
    const what = result ?? error?.code ?? "";
    counts[what] = (counts[what] ?? 0) + 1;
    rmSync(copy, { recursive: true });
  }
  await reader.close();
  console.log("F40", counts);
  expect((counts["unharmed"] ?? 0) + (counts["shorter"] ?? 0)).toBeLessThan(PLACES);
  // an assertion in its compaction, which nothing in JavaScript can catch: nothing wrong is served, and the start says no more
  expect(counts["LevelDB ended the process"] ?? 0).toBeLessThan(PLACES / 100);
});
