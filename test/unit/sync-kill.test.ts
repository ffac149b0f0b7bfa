// F01: a process that synchronises is killed again and again; each time the chain is whole, and it goes on to the end.
import { spawn } from "node:child_process";
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Clique } from "#consensus/clique";
import { BlockChain, importChain } from "#core";
import { openLevelStore } from "#ethdb";
import { seededRand } from "#host/sim";
import { toHex } from "#util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type SealedChain, sealedChain } from "../kit/chains.ts";
import { stateEntries } from "../kit/state-entries.ts";

const writer = fileURLToPath(new URL("../kit/sync-writer.mjs", import.meta.url));
const clock = { unixSeconds: () => 4_000_000_000, now: () => 0, sleep: async () => {} };
const folder = mkdtempSync(join(tmpdir(), "glim-sync-kill-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let served: SealedChain;

async function withChain<T>(path: string, use: (chain: BlockChain) => Promise<T>): Promise<T> {
  const { clique } = served.spec.config;
  if (clique === undefined) throw new Error("no clique chain");
  await using db = await openLevelStore(path);
  return await use(new BlockChain({ db, genesis: served.spec, engine: new Clique(clique, db), clock }));
}

beforeAll(async () => {
  served = await sealedChain({ blocks: 160, transactions: 3, accounts: 300, forks: "istanbul" });
  writeFileSync(join(folder, "genesis.json"), JSON.stringify(served.genesis));
  await withChain(join(folder, "source"), async (chain) => {
    await importChain(chain, createReadStream(served.file));
  });
}, 120_000);

/** Lets it work for so many answers and changes of head, then kills it. @returns true if it was done before */
async function syncAndKill(path: string, mode: string, steps: number): Promise<boolean> {
  const args = [writer, path, join(folder, "source"), join(folder, "genesis.json"), mode];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let complaints = "";
  child.stderr.on("data", (chunk: Buffer) => void (complaints += chunk.toString()));
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let seen = 0;
  let isDone = false;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === "done") isDone = true;
    if (line === "step" && ++seen === steps) child.kill("SIGKILL");
  }
  await ended;
  if (!isDone && seen < steps) throw new Error(`it ended by itself: ${complaints}`);
  return isDone;
}

/** Whatever is there is whole. @returns how far it is */
const expectWhole = (path: string): Promise<number> =>
  withChain(path, async (chain) => {
    stateEntries(chain, chain.head.stateRoot);
    for (let number = 1; number <= chain.head.number; number++) {
      const header = chain.headerByNumber(number);
      const body = header && chain.body(header);
      if (header === undefined || body === undefined) throw new Error(`block #${number} is torn`);
      expect(chain.receipts(header)).toHaveLength(body.transactions.length);
    }
    expect(chain.headerByNumber(chain.head.number + 1)).toBeUndefined();
    const { head } = chain.fast;
    expect(head.number === 0 || chain.fast.has(head)).toBe(true);
    return Math.max(chain.head.number, head.number);
  });

test.each([
  ["fast", 61, 8, 24],
  ["full", 62, 5, 80],
] as const)(
  "F01 %s sync killed at random moments (seed %i), %i times at most, then done",
  { timeout: 300_000 },
  async (mode, seed, kills, most) => {
    const rand = seededRand(seed);
    const path = join(folder, mode);
    let before = 0;
    let killed = 0;
    for (let kill = 0; kill < kills; kill++) {
      if (await syncAndKill(path, mode, 4 + rand.int(most))) break;
      const now = await expectWhole(path);
      expect(now).toBeGreaterThanOrEqual(before);
      before = now;
      killed++;
    }
    expect(killed).toBeGreaterThan(2);
    await syncAndKill(path, mode, Number.POSITIVE_INFINITY);
    expect(await expectWhole(path)).toBe(served.head);
    await withChain(path, async (chain) => {
      const last = (await served.blocks()).at(-1);
      expect(toHex(chain.head.hash)).toBe(toHex(last?.header.hash ?? new Uint8Array(0)));
      expect(chain.fast.pivot).toBe(mode === "fast" ? served.head - 64 : 0);
    });
  },
);
