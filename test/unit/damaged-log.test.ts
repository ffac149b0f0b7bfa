// ST-02: LevelDB's log cut or flipped anywhere. What is left is a whole chain, and the loss is told.
import {
  copyFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlockChain, verifyChain } from "#core";
import { makeEngine } from "#eth";
import { memoryStore, openLevelStore } from "#ethdb";
import { seededRand } from "#host/sim";
import { createLogger } from "#log";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sealedWorld, type SealedWorld } from "../kit/chains.ts";

const folder = mkdtempSync(join(tmpdir(), "glim-log-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const clock = { unixSeconds: () => 2_000_000_000, now: () => 0, sleep: async () => {} };
const BLOCKS = 60;
const seed = 2;
let world: SealedWorld;
let hashes: readonly Uint8Array[];
let log: string;

beforeAll(async () => {
  await using db = await openLevelStore(join(folder, "db"));
  world = sealedWorld({}, db);
  for (let i = 0; i < BLOCKS; i++) {
    await world.next();
    await world.chain.flush(); // a write of its own
  }
  hashes = Array.from(
    { length: BLOCKS + 1 },
    (_, i) => world.chain.headerByNumber(i)?.hash ?? new Uint8Array(),
  );
  log = readdirSync(join(folder, "db")).find((name) => name.endsWith(".log")) ?? "";
});

/** Opens a copy of the store after `damage`, as a restart does. */
async function reopened(damage: (file: string, copy: string) => void) {
  const copy = mkdtempSync(join(folder, "copy-"));
  cpSync(join(folder, "db"), copy, { recursive: true });
  damage(join(copy, log), copy);
  const lines: { msg: string }[] = [];
  const logger = createLogger({
    level: "info",
    format: "json",
    write: (line) => lines.push(JSON.parse(line)),
  });
  await using db = await openLevelStore(copy, { log: logger });
  const config = world.spec.config;
  const chain = new BlockChain({
    db,
    genesis: world.spec,
    engine: makeEngine(config, db),
    clock,
    log: logger,
  });
  const report = await verifyChain({
    db,
    engine: () => makeEngine(config, memoryStore()),
    clock,
    statesEvery: 1,
  });
  expect(report.findings).toEqual([]);
  expect(chain.head.hash).toEqual(hashes[chain.head.number]);
  // the chain goes on from there
  const header = await chain.produceBlock([], { signer: world.signer, time: chain.head.time + 1 });
  expect(chain.head.number).toBe(report.head + 1);
  expect(header.block.header.number).toBe(report.head + 1);
  return { head: report.head, lines, copy };
}

const flip = (file: string, at: number, bit: number) => {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
  writeFileSync(file, bytes);
};

test("a store that was closed opens without a word", async () => {
  const { head, lines } = await reopened(() => {});
  expect(head).toBe(BLOCKS);
  expect(lines).toEqual([]);
});

describe.each([
  ["closed in order", true],
  ["left by a crash", false],
])(`ST-02 of a store %s, seed ${seed}`, (_how, wasClosed) => {
  const rand = seededRand(seed);
  const places = Array.from({ length: 20 }, () => ({ share: rand.float(), bit: rand.int(8) }));
  const begin = (copy: string) => {
    if (!wasClosed) rmSync(join(copy, "CLOSED"));
  };
  const placeOf = (file: string, share: number) => Math.floor(readFileSync(file).length * share);

  test("F40 a flipped bit anywhere in its log: whole up to there, and told", async () => {
    for (const { share, bit } of places) {
      const { head, lines } = await reopened((file, copy) => {
        begin(copy);
        flip(file, placeOf(file, share), bit);
      });
      expect(Math.abs(head - share * BLOCKS)).toBeLessThan(6);
      expect(lines).toHaveLength(1);
      if (wasClosed) expect(lines[0]).toMatchObject({ msg: expect.stringContaining("lost its last writes") });
    }
  });

  test("F06 F40 a log cut off anywhere: whole up to there; told, if it was longer once", async () => {
    for (const { share } of places) {
      const { head, lines } = await reopened((file, copy) => {
        begin(copy);
        truncateSync(file, placeOf(file, share));
      });
      expect(Math.abs(head - share * BLOCKS)).toBeLessThan(6);
      expect(lines.length).toBe(1);
    }
  });
});

test("ST-02 a log that is gone is told; what was cut off is kept beside it", async () => {
  const gone = await reopened((file) => rmSync(file));
  expect(gone.head).toBe(0);
  expect(gone.lines).toMatchObject([{ msg: expect.stringContaining("lost its last writes") }]);
  const { copy } = await reopened((file) => flip(file, 100_000, 1));
  expect(readdirSync(copy)).toContain(`${log}.damaged`);
});

test("a log behind a damaged one is not read: it builds on what is lost", async () => {
  const { head, lines } = await reopened((file) => {
    copyFileSync(file, file.replace(/\d+\.log$/, "999999.log"));
    flip(file, 100_000, 1);
  });
  expect(head).toBeLessThan(BLOCKS);
  expect(lines.length).toBeGreaterThan(0);
});
