// Programs that are killed as a crash would end them, at moments by chance, and what they leave on the disk.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { BlockChain, verifyChain } from "#core";
import { makeEngine } from "#eth";
import { type KeyValueStore, memoryStore, openLevelStore } from "#ethdb";
import type { Host } from "#host";
import { nodeHost } from "#host/node";
import { seededRand } from "#host/sim";
import { createLogger } from "#log";
import { DEV_ADDRESS, devGenesis, formatGenesis, type Genesis } from "#params";
import { fromHex, toHex } from "#util";
import type { SealedChain } from "./chains.ts";

/** A head that the program said is on disk. */
interface Acknowledged {
  readonly number: number;
  readonly hash: string;
}

export interface KillTarget {
  readonly name: string;
  readonly genesis: Genesis;
  /** Arguments of `node` for a run on that data directory. */
  command(dataDir: string, run: number): readonly string[];
  /** Heads it has told of, in its output. */
  readonly acknowledges: RegExp;
  /** The first sign of work in its output; default: any output. */
  readonly begins?: RegExp;
  /** Longest time until the kill, after the first sign of work. */
  readonly mostMs: number;
  /** A run that ends there has nothing more to do; the next one begins on an empty folder. */
  readonly goal?: number;
}

export interface KillReport {
  readonly kills: number;
  /** Runs that had done all there was to do; the next one began anew. */
  readonly ended: number;
  /** Kills after which the head was further than at the kill before. */
  readonly progressed: number;
  readonly head: number;
}

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** Pruned and archive in turns, on one folder. */
const modeOf = (run: number) => (run % 2 === 0 ? "full" : "archive");

/** `glim import` of a chain, and of its branch, which makes a reorg at the end. */
export function importTarget(chain: SealedChain, folder: string): KillTarget {
  const genesisFile = join(folder, "kill genesis.json");
  writeFileSync(genesisFile, JSON.stringify(formatGenesis(chain.spec)));
  const files = chain.branchFile === undefined ? [chain.file] : [chain.file, chain.branchFile];
  return {
    name: "import",
    genesis: chain.spec,
    command: (dataDir, run) => [
      main,
      "import",
      ...files,
      "--gcmode",
      modeOf(run),
      "--genesis",
      genesisFile,
      "--datadir",
      dataDir,
      "--verbosity",
      "4",
    ],
    acknowledges: /on disk\s+block=(\d+) hash=(0x[0-9a-f]{64})/g,
    mostMs: 1_500,
  };
}

/** A chain that is reorganised all the time. */
export function reorgTarget(seed: number): KillTarget {
  const writer = fileURLToPath(new URL("./reorg-writer.mjs", import.meta.url));
  return {
    name: "reorg",
    genesis: devGenesis({ [toHex(DEV_ADDRESS)]: 1n << 120n }),
    command: (dataDir, run) => [writer, dataDir, String(seed * 1000 + run), modeOf(run)],
    acknowledges: /^(\d+) (0x[0-9a-f]{64})$/gm,
    mostMs: 300,
  };
}

/** `glim node` that synchronises with a node of the whole chain. With five peers it begins at once. */
export function syncTarget(options: {
  readonly chain: SealedChain;
  readonly enodes: readonly string[];
  readonly mode: "full" | "fast";
  readonly folder: string;
}): KillTarget {
  const { chain, enodes, mode, folder } = options;
  const genesisFile = join(folder, `sync genesis ${mode}.json`);
  writeFileSync(genesisFile, JSON.stringify(formatGenesis(chain.spec)));
  const offline = ["--port", "0", "--no-http", "--no-ws", "--ipcdisable"];
  return {
    name: `${mode} sync`,
    genesis: chain.spec,
    command: (dataDir) => [
      ...[main, "node", "--genesis", genesisFile, "--datadir", dataDir, "--peer", enodes.join(",")],
      ...["--syncmode", mode, "--verbosity", "4", ...offline],
    ],
    acknowledges: /(?!)/g, // a node says of no block that it is on disk
    begins: /peer added[^\n]*peers=5/,
    mostMs: 2_500,
    goal: chain.head,
  };
}

/** Runs the program and kills it. @returns what it had acknowledged, or "ended" if it was done before */
async function runAndKill(
  target: KillTarget,
  dataDir: string,
  run: number,
  delayMs: number,
): Promise<Acknowledged | "ended" | undefined> {
  const child = spawn(process.execPath, target.command(dataDir, run), { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const begun = new Promise<void>((resolve) => {
    const onData = (chunk: Buffer) => {
      output += chunk.toString();
      if (target.begins?.test(output) ?? true) resolve();
    };
    child.stdout.on("data", onData);
    child.stderr.on("data", onData);
  });
  await Promise.race([begun, closed]);
  await Promise.race([pause(delayMs), closed]);
  const hasEnded = child.exitCode !== null;
  child.kill("SIGKILL");
  await closed;
  if (hasEnded && child.exitCode !== 0) throw new Error(`${target.name} ended by itself:\n${output}`);
  if (hasEnded) return "ended";
  const last = [...output.matchAll(target.acknowledges)].at(-1);
  return last === undefined ? undefined : { number: Number(last[1]), hash: last[2] ?? "" };
}

async function expectSound(db: KeyValueStore, clock: Host["clock"]): Promise<void> {
  const report = await verifyChain({ db, engine: (config) => makeEngine(config, memoryStore()), clock });
  if (report.findingCount > 0)
    throw new Error(`${report.findingCount} findings:\n${report.findings.join("\n")}`);
}

/** Opens the chain as a restart does, then proves it whole. @throws with what is wrong */
async function expectWhole(
  target: KillTarget,
  dataDir: string,
  acknowledged: Acknowledged | undefined,
): Promise<number> {
  const db = await openLevelStore(join(dataDir, "glim", "chaindata"));
  try {
    const { clock } = nodeHost();
    const engine = makeEngine(target.genesis.config, db);
    const warnings: string[] = [];
    const log = createLogger({ level: "warn", format: "json", write: (line) => warnings.push(line) });
    const chain = new BlockChain({ db, genesis: target.genesis, engine, clock, log });
    if (warnings.length > 0) throw new Error(`something had to be repaired: ${warnings.join("")}`);
    await expectSound(db, clock);
    // the states that a pruned chain had in memory only
    if ((await chain.recover()) > 0) {
      await chain.persist();
      await expectSound(db, clock);
    }
    // until its state is there, the blocks of a fast sync are beyond the head
    const reached = Math.max(chain.head.number, chain.fast.head.number);
    if (acknowledged === undefined) return reached;
    const hash = fromHex(acknowledged.hash);
    const header = chain.headerByHash(hash);
    const [td, headTd] = [chain.td(hash), chain.td(chain.head.hash)];
    if (header === undefined || td === undefined || headTd === undefined || headTd < td)
      throw new Error(
        `the acknowledged head #${acknowledged.number} is lost; the head is #${chain.head.number}`,
      );
    if (!chain.hasState(header) || chain.body(header) === undefined)
      throw new Error(`the acknowledged block #${acknowledged.number} is not whole`);
    return reached;
  } finally {
    await db.close();
  }
}

/**
 * Kills a program so many times, restarts it each time on what is there, and proves that whole. A run that is done starts
 * over on an empty folder. The seed decides when.
 * @throws naming target, seed and kill
 */
export async function killAgain(target: KillTarget, kills: number, seed: number): Promise<KillReport> {
  const rand = seededRand(seed);
  const folder = mkdtempSync(join(tmpdir(), `glim-kill-${target.name}-`));
  const report = { kills: 0, ended: 0, progressed: 0, head: 0 };
  try {
    for (let run = 0; report.kills < kills; run++) {
      const dataDir = join(folder, String(report.ended));
      const acknowledged = await runAndKill(target, dataDir, run, rand.float() * target.mostMs);
      const before = report.head;
      try {
        report.head = await expectWhole(target, dataDir, acknowledged === "ended" ? undefined : acknowledged);
      } catch (error) {
        throw new Error(`${target.name}, seed ${seed}, kill ${report.kills + 1}`, { cause: error });
      }
      if (report.head > before) report.progressed++;
      if (acknowledged !== "ended") report.kills++;
      if (acknowledged !== "ended" && report.head < (target.goal ?? Number.POSITIVE_INFINITY)) continue;
      report.ended++;
      report.head = 0;
    }
    return report;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
