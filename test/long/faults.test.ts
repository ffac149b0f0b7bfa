// Faults of attacks-and-faults §4.2 that take minutes: a process that is stopped and goes on (F14), and what its peer does meanwhile (F15).
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { startProgram } from "../kit/program.ts";
import { until } from "../kit/until.ts";

const folder = mkdtempSync(join(tmpdir(), "glim-long-faults-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MAIN = join("dist", "cli", "main.js");
const COMMON = ["--http.port", "0", "--port", "0", "--ipcdisable", "--nodiscover", "--verbosity", "1"];

async function ask(url: string, method: string): Promise<string> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", connection: "close" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: [] }),
    signal: AbortSignal.timeout(5_000),
  });
  return ((await response.json()) as { result: string }).result;
}

test("F14 F15 stopped for a minute: the other has dropped it within 45 s; it goes on, is dialled again and catches up", async () => {
  const genesis = join(folder, "genesis.json");
  await using full = startProgram([MAIN, "dev", ...COMMON, "--dev.period", "1", "--genesis.out", genesis]);
  const [, enode = ""] = await full.prints(/^p2p\s+(\S+)$/m);
  const [, fullUrl = ""] = await full.prints(/^JSON-RPC\s+(http:\S+)$/m);
  await full.prints(/Ctrl-C stops/);
  await using light = startProgram([MAIN, "light", ...COMMON, "--genesis", genesis, "--peer", enode]);
  const [, lightUrl = ""] = await light.prints(/^JSON-RPC\s+(http:\S+)$/m);
  await until("a peer", async () => (await ask(lightUrl, "net_peerCount")) === "0x1");
  await until("a head", async () => Number(await ask(lightUrl, "eth_blockNumber")) > 2);

  process.kill(full.pid, "SIGSTOP");
  const from = performance.now();
  try {
    await until(
      "the peer to be dropped",
      async () => (await ask(lightUrl, "net_peerCount")) === "0x0",
      45_000,
    );
    await pause(60_000 - (performance.now() - from));
  } finally {
    process.kill(full.pid, "SIGCONT");
  }
  await until("the peer again", async () => (await ask(lightUrl, "net_peerCount")) === "0x1", 90_000);
  await until("the head", async () => {
    const [there, here] = await Promise.all([
      ask(fullUrl, "eth_blockNumber"),
      ask(lightUrl, "eth_blockNumber"),
    ]);
    return Number(there) - Number(here) <= 2;
  });

  process.kill(light.pid, "SIGSTOP");
  await pause(60_000);
  process.kill(light.pid, "SIGCONT");
  await until("the light node at the head again", async () => {
    const [there, here] = await Promise.all([
      ask(fullUrl, "eth_blockNumber"),
      ask(lightUrl, "eth_blockNumber"),
    ]);
    return Number(there) - Number(here) <= 2;
  });
  expect((await light.stop("SIGTERM")).code).toBe(0);
  expect((await full.stop("SIGTERM")).code).toBe(0);
});
