// Every attack of bench/attacks.mjs on a full and a light node, judged: A1 alive, A3 honest work served, A4 the loop free, A5 memory
// back, and the ceiling of a light node. Clock figures stand beside the same run without the attacker: on a machine that is
// busy with other things the bound is a multiple of what that run had.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import names from "../../bench/attack-names.json" with { type: "json" };

const MIB = 1024 * 1024;
/** attacks-and-faults.md §0: A3, A4, A5, §5.5. */
const bounds = { p99Ms: 250, loopP99Ms: 50, loopMaxMs: 250, growth: 64 * MIB, settled: 16 * MIB };
const LIGHT_CEILING = 256 * MIB;
/** What a run with the attacker may take of one without, where that is more than the bound. */
const RATIO = 5;

interface Served {
  readonly count: number;
  readonly p99: number;
  readonly failed: number;
}

interface Result {
  readonly attack: string;
  readonly victim: "full" | "light";
  readonly told: { readonly did: number; readonly refused: number };
  readonly reads: Served;
  readonly proofs: Served;
  readonly loop: { readonly p99: number; readonly max: number };
  readonly memory: Readonly<Record<"before" | "peak" | "after" | "settled", number>>;
  readonly rejections: number;
  readonly exceptions: number;
  readonly exit: number | string | null;
}

async function run(...more: string[]): Promise<Result[]> {
  const bench = fileURLToPath(new URL("../../bench/attacks.mjs", import.meta.url));
  const child = spawn(process.execPath, [bench, "--json", "yes", ...more], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  await once(child, "close");
  return JSON.parse(out) as Result[];
}

const attacks = [...names.peer, ...names.rpc];

let results: Promise<Result[]> | undefined;

describe.each(["full", "light"] as const)("a %s node under attack", (victim) => {
  beforeAll(async () => {
    results ??= run();
    await results;
  });

  test.each(attacks)("attack/%s", async (attack) => {
    const all = (await results) ?? [];
    const of = (name: string) => all.find((one) => one.attack === name && one.victim === victim);
    const base = of("none");
    const result = of(attack);
    if (base === undefined || result === undefined) throw new Error("not run");
    expect(result.told.did + result.told.refused).toBeGreaterThan(0); // it was attacked
    expect([result.exit, result.rejections, result.exceptions]).toEqual([null, 0, 0]); // A1
    const { reads, proofs, loop, memory } = result;
    expect([reads.failed, proofs.failed]).toEqual([0, 0]); // A3
    expect(reads.p99).toBeLessThan(Math.max(bounds.p99Ms, RATIO * base.reads.p99));
    expect(proofs.p99).toBeLessThan(Math.max(bounds.p99Ms, RATIO * base.proofs.p99));
    expect(loop.p99).toBeLessThan(Math.max(bounds.loopP99Ms, RATIO * base.loop.p99)); // A4
    expect(loop.max).toBeLessThan(Math.max(bounds.loopMaxMs, RATIO * base.loop.max));
    expect(memory.after - memory.before).toBeLessThan(bounds.growth); // A5
    expect(memory.settled - memory.before).toBeLessThan(bounds.settled);
    if (victim === "light") expect(memory.peak).toBeLessThan(LIGHT_CEILING);
  });
});

test.for(["full", "light"] as const)(
  "attack/FL-01 all eighteen at once on a %s node for GLIM_FL01_SECONDS (default 600): alive, every read answered, memory back",
  async (victim, { skip }) => {
    const load = loadavg()[0] ?? 0;
    if (load > cpus().length)
      skip(
        `load ${load.toFixed(1)} on ${cpus().length} cores: sixteen attackers beside it leave a node nothing`,
      );
    const { GLIM_FL01_SECONDS: seconds = "600" } = process.env;
    const [, result] = await run("--victims", victim, "--attacks", "all", "--seconds", seconds);
    if (result === undefined) throw new Error("not run");
    expect(result.told.did + result.told.refused).toBeGreaterThan(0);
    expect([result.exit, result.rejections, result.exceptions]).toEqual([null, 0, 0]);
    expect([result.reads.failed, result.proofs.failed]).toEqual([0, 0]);
    expect(result.memory.after - result.memory.before).toBeLessThan(bounds.growth);
    if (victim === "light") expect(result.memory.peak).toBeLessThan(LIGHT_CEILING);
  },
);
