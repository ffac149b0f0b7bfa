import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createLogger } from "#log";
import type { RpcClient } from "#rpc";
import type { Config } from "./config.ts";
import { Node } from "./node.ts";

const root = await mkdtemp(join(tmpdir(), "glim debug "));
afterAll(() => rm(root, { recursive: true, force: true }));

const ask = (rpc: RpcClient, method: string, ...params: readonly unknown[]) =>
  rpc.request({ method, params });

async function start(config: Config = {}): Promise<Node> {
  const node = new Node({ name: "test", p2p: { maxPeers: 0, noDiscovery: true }, ...config });
  await node.start();
  return node;
}

test("debug_verbosity and debug_vmodule change what is logged", async () => {
  const lines: string[] = [];
  const logger = createLogger({ level: "error", format: "json", write: (line) => lines.push(line) });
  await using node = await start({ logger });
  const rpc = node.attach();
  logger.info("before");
  expect(await ask(rpc, "debug_verbosity", 3)).toBeNull();
  logger.info("after");
  logger.debug("not yet");
  expect(await ask(rpc, "debug_vmodule", "les=5")).toBeNull();
  logger.child({ room: "les" }).debug("in its room");
  const said = lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
  expect(said).not.toContain("before");
  expect(said).not.toContain("not yet");
  expect(said).toEqual(expect.arrayContaining(["after", "in its room"]));
  await expect(ask(rpc, "debug_vmodule", "nonsense")).rejects.toMatchObject({ code: -32000 });
});

test("memory and collections; what Go's runtime has and this one does not says so", async () => {
  await using node = await start();
  const rpc = node.attach();
  expect(await ask(rpc, "debug_memStats")).toMatchObject({ HeapAlloc: expect.any(Number) });
  expect(await ask(rpc, "debug_gcStats")).toMatchObject({ NumGC: expect.any(Number) });
  expect(await ask(rpc, "debug_freeOSMemory")).toBeNull();
  expect(typeof (await ask(rpc, "debug_stacks"))).toBe("string");
  for (const [method, ...params] of [
    ["debug_goTrace", "file", 1],
    ["debug_mutexProfile", "file", 1],
    ["debug_setGCPercent", 100],
    ["debug_backtraceAt", "server.go:443"],
  ] as const)
    await expect(ask(rpc, method, ...params)).rejects.toMatchObject({
      code: -32000,
      message: expect.stringMatching(/^not supported: /),
    });
});

describe("attack/RP-20 profiles", () => {
  test("go to new files inside the data directory", async () => {
    const dataDir = join(root, "data");
    await using node = await start({ dataDir });
    const rpc = node.attach();
    await mkdir(join(root, "outside"));
    await symlink(join(root, "outside"), join(dataDir, "link"));
    await writeFile(join(dataDir, "there"), "precious");
    for (const file of ["../outside/x", "link/x", join(root, "outside", "x"), "there", "nowhere/x"]) {
      await expect(ask(rpc, "debug_cpuProfile", file, 0)).rejects.toMatchObject({ code: -32000 });
      await expect(ask(rpc, "debug_writeMemProfile", file)).rejects.toMatchObject({ code: -32000 });
    }
    expect(await ask(rpc, "debug_startCPUProfile", "one.cpuprofile")).toBeNull();
    await expect(ask(rpc, "debug_startCPUProfile", "two.cpuprofile")).rejects.toMatchObject({
      message: "CPU profiling already in progress",
    });
    expect(await ask(rpc, "debug_stopCPUProfile")).toBeNull();
    await expect(ask(rpc, "debug_stopCPUProfile")).rejects.toMatchObject({
      message: "CPU profiling not in progress",
    });
    const profile = JSON.parse(await readFile(join(dataDir, "one.cpuprofile"), "utf8")) as {
      nodes: object[];
    };
    expect(profile.nodes.length).toBeGreaterThan(0);
    expect((await stat(join(dataDir, "one.cpuprofile"))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(dataDir, "there"), "utf8")).toBe("precious");
    expect(await readdir(join(root, "outside"))).toEqual([]);
  });

  test("are not there over HTTP, and nowhere without a data directory", async () => {
    await using node = await start({ http: { host: "127.0.0.1", modules: ["debug"] } });
    for (const method of ["debug_startCPUProfile", "debug_writeMemProfile"]) {
      const reply = await fetch(`http://${node.httpEndpoint}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: ["x"] }),
      });
      expect(await reply.json()).toMatchObject({ error: { code: -32601 } });
      await expect(ask(node.attach(), method, "x")).rejects.toMatchObject({ code: -32000 });
    }
  });
});
