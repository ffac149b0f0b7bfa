// ST-06: a process that writes a chain is killed again and again; what was flushed is there, and nothing is torn.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Clique } from "#consensus/clique";
import { BlockChain, type GcMode } from "#core";
import { openLevelStore } from "#ethdb";
import { seededRand } from "#host/sim";
import { DEV_ADDRESS, devGenesis } from "#params";
import { toHex } from "#util";
import { expect, test } from "vitest";

const writer = fileURLToPath(new URL("../kit/chain-writer.mjs", import.meta.url));
const genesis = devGenesis({ [toHex(DEV_ADDRESS)]: 1n << 120n });
const clock = { unixSeconds: () => 2_000_000_000, now: () => 0, sleep: async () => {} };

/** Lets the writer work until it has reported `reports` heads, kills it, and returns the last report. */
async function writeAndKill(
  folder: string,
  reports: number,
  gcMode: GcMode,
): Promise<{ number: number; hash: string }> {
  const child = spawn(process.execPath, [writer, folder, gcMode], { stdio: ["ignore", "pipe", "pipe"] });
  let complaints = "";
  child.stderr.on("data", (chunk: Buffer) => void (complaints += chunk.toString()));
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let last: { number: number; hash: string } | undefined;
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const [number, hash = ""] = line.split(" ");
    last = { number: Number(number), hash };
    if (++seen === reports) child.kill("SIGKILL");
  }
  await ended;
  if (last === undefined || seen < reports) throw new Error(`the writer ended by itself: ${complaints}`);
  return last;
}

async function expectWhole(
  folder: string,
  acknowledged: { number: number; hash: string },
  gcMode: GcMode,
): Promise<number> {
  const db = await openLevelStore(folder);
  if (genesis.config.clique === undefined) throw new Error("no clique chain");
  const chain = new BlockChain({ db, genesis, engine: new Clique(genesis.config.clique, db), clock, gcMode });
  expect(chain.head.number).toBeGreaterThanOrEqual(acknowledged.number);
  expect(toHex(chain.headerByNumber(acknowledged.number)?.hash ?? new Uint8Array(0))).toBe(acknowledged.hash);
  expect(chain.headerByNumber(chain.head.number + 1)).toBeUndefined();
  for (let number = chain.head.number; number > 0; number--) {
    const header = chain.headerByNumber(number);
    const body = header && chain.body(header);
    if (header === undefined || body === undefined) throw new Error(`block #${number} is torn`);
    if (gcMode === "archive" || number >= acknowledged.number) expect(chain.hasState(header)).toBe(true);
    expect(chain.receipts(header)).toHaveLength(10);
    expect(chain.transaction(body.transactions[9]?.hash ?? header.hash)).toMatchObject({ index: 9 });
  }
  // ten transactions a block, each counted in the sender's nonce: the state is the head's
  const sender = await chain.state(chain.head).account(DEV_ADDRESS);
  expect(sender?.nonce).toBe(BigInt(chain.head.number * 10));
  const { number } = chain.head;
  await db.close();
  return number;
}

test.each([
  ["archive", 10],
  ["full", 10],
] as const)(
  "ST-06 %s mode: %i kills in the middle of writing blocks",
  { timeout: 180_000 },
  async (gcMode, kills) => {
    const folder = mkdtempSync(join(tmpdir(), "glim-kill-"));
    const rand = seededRand(6);
    try {
      let before = 0;
      for (let kill = 0; kill < kills; kill++) {
        const acknowledged = await writeAndKill(join(folder, "db"), 1 + rand.int(4), gcMode);
        const head = await expectWhole(join(folder, "db"), acknowledged, gcMode);
        expect(head).toBeGreaterThan(before);
        before = head;
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
