// Faults of attacks-and-faults §4.2 that need thousands of sockets: a node and the crowd are a process each (F24, F25, F28, F30).
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { type Program, startProgram } from "../kit/program.ts";
import { until } from "../kit/until.ts";

const crowdProgram = fileURLToPath(new URL("../kit/crowd.mjs", import.meta.url));
const main = pathToFileURL(join("dist", "cli", "main.js")).href;
/** A node that collects its garbage when told, and says what is left, in MiB: what it holds, and what the system has given it. */
const script = `
  process.on("SIGUSR2", () => {
    gc();
    const { heapUsed, external, rss } = process.memoryUsage();
    console.log("memory " + Math.round((heapUsed + external) / 1048576) + " " + Math.round(rss / 1048576));
  });
  process.argv.splice(1, 0, "glim");
  await import(${JSON.stringify(main)});`;
const ARGS = [
  ...["--expose-gc", "--input-type=module", "-e", script, "--"],
  ...["dev", "--http.port", "0", "--port", "0", "--ipcdisable", "--verbosity", "1"],
];
/** Of both processes; node raises the soft limit to the hard one. */
const CROWD = 10_000;
const limit = Number(/Max open files\s+\d+\s+(\d+)/.exec(readLimits())?.[1] ?? 0);

function readLimits(): string {
  try {
    return readFileSync("/proc/self/limits", "utf8");
  } catch {
    return ""; // no /proc: nothing here runs
  }
}

const descriptors = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;
async function memory(node: Program): Promise<{ held: number; resident: number }> {
  const told = () => [...node.output().matchAll(/^memory (\d+) (\d+)$/gm)];
  const before = told().length;
  process.kill(node.pid, "SIGUSR2");
  await until("the node's figures", () => told().length > before);
  const [, held, resident] = told().at(-1) ?? [];
  return { held: Number(held), resident: Number(resident) };
}

async function ask(url: string): Promise<number> {
  const from = performance.now();
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}',
    signal: AbortSignal.timeout(10_000),
  });
  expect(((await response.json()) as { result: string }).result).toBe("0x539");
  return performance.now() - from;
}

async function startNode() {
  const node = startProgram(ARGS);
  const [, url = ""] = await node.prints(/^JSON-RPC\s+(http:\S+)$/m);
  const [, p2pPort = ""] = await node.prints(/^p2p\s+enode:\S+?:(\d+)/m);
  for (let i = 0; i < 50; i++) await ask(url);
  return { node, url, p2pPort, descriptors: descriptors(node.pid), memory: await memory(node) };
}

/** Runs the crowd while an honest client, connected before, asks every 20 ms. */
async function besides(url: string, args: readonly string[]): Promise<{ lines: string; times: number[] }> {
  const child = spawn(process.execPath, [crowdProgram, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let lines = "";
  child.stdout.on("data", (chunk: Buffer) => void (lines += chunk.toString()));
  let isOver = false;
  const ended = once(child, "exit").then(() => (isOver = true));
  const times: number[] = [];
  try {
    while (!isOver) {
      times.push(await ask(url));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
  return { lines, times: times.sort((a, b) => a - b) };
}

const p99 = (sorted: readonly number[]) => sorted[Math.floor(sorted.length * 0.99)] ?? 0;
const numberOf = (lines: string, what: string) =>
  Number([...lines.matchAll(new RegExp(`^${what} (\\d+)$`, "gm"))].at(-1)?.[1]);

/** A3, A4 and A5: the honest are served meanwhile, and afterwards there is no more than before. */
async function settles(
  before: Awaited<ReturnType<typeof startNode>>,
  times: readonly number[],
): Promise<void> {
  const { node } = before;
  expect(times.length).toBeGreaterThan(50);
  expect(p99(times), "ms, p99 of an honest client").toBeLessThan(250);
  await until("the descriptors of before", () => descriptors(node.pid) <= before.descriptors + 4, 45_000);
  const after = await memory(node);
  console.log(`p99 ${p99(times).toFixed(0)} ms; MiB before and after`, before.memory, after);
  expect(after.held - before.memory.held, "MiB held").toBeLessThan(16);
  expect(after.resident - before.memory.resident, "MiB resident").toBeLessThan(128); // what malloc and V8 keep for the next time
  expect(await ask(before.url)).toBeLessThan(1_000);
  expect((await node.stop("SIGTERM")).code).toBe(0);
}

describe.runIf(limit > CROWD + 500)("crowds", () => {
  test(`F24 ${CROWD} connections to the p2p port at once: 50 wait, the rest is closed at once`, async () => {
    const started = await startNode();
    await using _ = started.node;
    const { lines, times } = await besides(started.url, ["silent", started.p2pPort, String(CROWD), "8"]);
    expect(numberOf(lines, "open")).toBeLessThanOrEqual(50);
    expect(numberOf(lines, "closed")).toBe(CROWD); // those 50 after 5 s
    await settles(started, times);
  });

  test(`F28 ${CROWD} connections to RPC: 1,024 stay, the rest is refused, who was there before is served`, async () => {
    const started = await startNode();
    await using _ = started.node;
    const port = new URL(started.url).port;
    const { lines, times } = await besides(started.url, ["silent", port, String(CROWD), "3"]);
    expect(numberOf(lines, "open")).toBeLessThanOrEqual(1_024);
    expect(numberOf(lines, "open")).toBeGreaterThan(900);
    await settles(started, times);
  });

  test.each([
    ["headers", 5_000, 14],
    ["bodies", 1_000, 36],
    ["readers", 1_000, 36],
  ] as const)(
    "F30 slow %s, %i sockets: all gone after %i s, honest clients served",
    async (kind, count, seconds) => {
      const started = await startNode();
      await using _ = started.node;
      const port = new URL(started.url).port;
      const { lines, times } = await besides(started.url, [kind, port, String(count), String(seconds)]);
      if (kind !== "readers") expect(numberOf(lines, "closed")).toBe(count); // who does not read does not see the end
      await settles(started, times);
    },
  );

  test("F25 a minute of handshakes that do not open, 5,000 a second where the machine can: a node goes on", async () => {
    const started = await startNode();
    await using _ = started.node;
    const { lines, times } = await besides(started.url, ["handshakes", started.p2pPort, "5000", "60"]);
    expect(numberOf(lines, "open")).toBeGreaterThan(60_000); // 1,000 a second at least
    await settles(started, times);
  });
});
