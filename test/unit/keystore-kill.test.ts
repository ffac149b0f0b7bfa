// F02, KS-05: a process that writes key files is killed at moments by chance. What it said is there; every file that is
// listed opens; nothing that a crash left is taken for a key, and no file of it can be read by others.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { KeyStore } from "#accounts/keystore";
import { nodeHost } from "#host/node";
import { seededRand } from "#host/sim";
import { silentLogger } from "#log";
import { toHex } from "#util";

const writer = fileURLToPath(new URL("../kit/key-writer.mjs", import.meta.url));
const SEED = 2_005;
const KILLS = 10;

/** Runs the writer for so long after its start, kills it, and gives what it said. */
async function writeAndKill(folder: string, ms: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [writer, folder], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let complaints = "";
  const ready = new Promise<void>((resolve) => {
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
      resolve();
    });
  });
  child.stderr.on("data", (chunk: Buffer) => void (complaints += chunk.toString()));
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  await Promise.race([ready, ended]);
  await pause(ms);
  child.kill("SIGKILL");
  await ended;
  expect(complaints).toBe("");
  return out.split("\n").slice(0, -1);
}

test(`attack/KS-05 F02 ${KILLS} kills, seed ${SEED}`, async () => {
  const folder = join(mkdtempSync(join(tmpdir(), "glim-key-kill-")), "keystore");
  const rand = seededRand(SEED);
  const there = new Set<string>();
  let said = 0;
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const lines = await writeAndKill(folder, rand.int(1_500));
      const keys = new KeyStore({ folder, useLightweightKdf: true, host: nodeHost(), log: silentLogger });
      for (const line of lines) {
        const [what, address = ""] = line.split(" ");
        if (what === "made") there.add(address);
        if (what === "removed") there.delete(address);
        said++;
      }
      const listed = new Set((await keys.accounts()).map(({ address }) => toHex(address)));
      // one may be on the way out without having said so
      expect(
        [...there].filter((address) => !listed.has(address as `0x${string}`)).length,
      ).toBeLessThanOrEqual(1);
      expect(await keys.broken()).toEqual([]);
      for (const account of await keys.accounts())
        await keys.check(account, "a").catch(() => keys.check(account, "b"));
      there.clear();
      for (const address of listed) there.add(address);
      for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o077, name).toBe(0);
    }
    expect(said).toBeGreaterThan(KILLS);
  } finally {
    rmSync(join(folder, ".."), { recursive: true, force: true });
  }
});
