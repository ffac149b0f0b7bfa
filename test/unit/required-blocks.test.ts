// --eth.requiredblocks (geth's --whitelist): a chain without the named block is taken from nobody.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { startProgram } from "../kit/program.ts";
import { until } from "../kit/until.ts";

const folder = await mkdtemp(join(tmpdir(), "glim required "));
afterAll(() => rm(folder, { recursive: true, force: true }));

const glim = (...args: string[]) => startProgram([join("dist", "cli", "main.js"), ...args]);
const QUIET = ["--http.port", "0", "--port", "0", "--ipcdisable"];

async function ask(url: string, method: string, ...params: unknown[]): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", connection: "close" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  return ((await response.json()) as { result: unknown }).result;
}

test("the right block is synchronised, a wrong one is not, from peers and on disk", async () => {
  const genesis = join(folder, "genesis.json");
  await using dev = glim("dev", ...QUIET, "--genesis.out", genesis);
  const [, url = ""] = await dev.prints(/^JSON-RPC\s+(http:\S+)$/m);
  const [, peer = ""] = await dev.prints(/^p2p\s+(enode:\S+)$/m);
  const block = await until("block 1", async () => {
    const found = await ask(url, "eth_getBlockByNumber", "0x1", false);
    return found === null ? undefined : (found as { hash: string });
  });
  const wrong = `1=0x${"99".repeat(32)}`;
  const node = (datadir: string, required: string, flag = "--eth.requiredblocks", ...more: string[]) =>
    glim(
      "node",
      "--genesis",
      genesis,
      "--datadir",
      join(folder, datadir),
      "--peer",
      peer,
      ...QUIET,
      flag,
      required,
      ...more,
    );
  {
    await using good = node("good", `1=${block.hash}`);
    const [, own = ""] = await good.prints(/^JSON-RPC\s+(http:\S+)$/m);
    await until("block 1 here", async () => (await ask(own, "eth_getBlockByNumber", "0x1", false)) !== null);
    expect((await good.stop()).code).toBe(0);
  }
  {
    await using bad = node("bad", wrong, "--whitelist", "--verbosity", "4");
    const [, own = ""] = await bad.prints(/^JSON-RPC\s+(http:\S+)$/m);
    await until("the refusal", () => bad.output().includes("not the block that is required there"));
    expect(await ask(own, "eth_blockNumber")).toBe("0x0");
    expect((await bad.stop()).code).toBe(0);
  }
  await using onDisk = node("good", wrong);
  expect(await onDisk.ended()).not.toBe(0);
  expect(onDisk.output()).toContain("header #1: not the block that is required there");
});

test("what is no list of blocks is refused by name", async () => {
  await using program = glim("node", "--whitelist", "1=0x12");
  expect(await program.ended()).toBe(2);
  expect(program.output()).toContain("--eth.requiredblocks: want number=0xHASH, several by comma");
});
